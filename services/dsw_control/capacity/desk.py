"""What people see of the queue and do to it: look, move, take out."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, true
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.errors import Forbidden, Invalid, NotFound
from dsw.instances import Desired, InstanceState, QueuePlace, Reason
from dsw.queueing import QueueEntryView, QueueMove
from dsw.roles import Action
from dsw.workspaces import Policy
from dsw_control.access import not_from_an_instance, readable_workspaces, require
from dsw_control.auth import Caller
from dsw_control.capacity import groups
from dsw_control.capacity.queue import IN_QUEUE
from dsw_control.context import Control
from dsw_control.history import add_event, tell
from dsw_control.instance_rows import end
from dsw_control.records.audit import record
from dsw_control.store.paging import Key, PageRequest, paged
from dsw_control.store.tables import Instance, Workspace
from dsw_control.tenancy import workspaces

KEYS: list[Key] = [
    (Instance.resource_group, False),
    (Instance.priority, True),
    (Instance.queue_at, False),
    (Instance.id, False),
]


async def list_queue(
    control: Control,
    caller: Caller,
    of: tuple[str | None, str | None],
    page: PageRequest,
) -> tuple[list[QueueEntryView], str | None]:
    """Who waits in the caller's workspaces, group by group in the order of service; `of` one
    workspace and one resource group, or all. The places count those of other workspaces too."""
    not_from_an_instance(caller)
    workspace, group = of
    query = select(Instance).where(*IN_QUEUE)
    if group is not None:
        query = query.where(Instance.resource_group == groups.group_named(control, group).name)
    async with control.db.read() as session:
        if workspace is not None:
            row = await workspaces.find(session, caller, workspace)
            await require(session, caller, row.id, Action.QUEUE_READ)
            query = query.where(Instance.workspace_id == row.id)
        else:
            mine = await readable_workspaces(session, caller, Action.QUEUE_READ)
            query = query.where(true() if mine is None else Instance.workspace_id.in_(mine))
        rows, cursor = await paged(session, query, KEYS, page)
        return [_entry(control, row) for row in rows], cursor


async def move(
    control: Control, caller: Caller, instance_id: str, how: QueueMove
) -> QueueEntryView:
    """Give an entry another priority, or another of the places that its workspace holds.

    Moving changes the order among the entries of one workspace: each takes the priority and the
    time of the place that it gets, so that other workspaces neither win nor lose by it.
    """
    async with control.db.write() as session:
        row = await _waiting(session, caller, instance_id)
        await groups.lock(session, row.resource_group)
        if how.priority is not None:
            await _check_priority(session, caller, row, how.priority)
            row.priority = how.priority
        else:
            await _reorder(session, row, how.before)
        detail = how.model_dump(exclude_none=True, exclude_defaults=True)
        target = (row.id, row.workspace_id)
        record(session, control, caller, Action.QUEUE_MANAGE, target, did="move", **detail)
    tell(control, row)
    control.wake_queue.set()
    return _entry(control, row)


async def cancel(control: Control, caller: Caller, instance_id: str) -> None:
    """Take an entry out of the queue; its instance is stopped."""
    async with control.db.write() as session:
        row = await _waiting(session, caller, instance_id)
        row.desired, row.state = Desired.STOPPED, InstanceState.STOPPED
        row.reason = Reason.TAKEN_FROM_QUEUE
        row.message = f"{caller.name} took it out of the queue."
        row.changed_at = control.clock()
        await end(session, control, row)
        target = (row.id, row.workspace_id)
        record(session, control, caller, Action.QUEUE_MANAGE, target, did="cancel")
        event = add_event(session, control, row)
    tell(control, row, event)
    control.wake_queue.set()


async def _waiting(session: AsyncSession, caller: Caller, instance_id: str) -> Instance:
    """The entry, when the caller manages the queue of its workspace."""
    not_from_an_instance(caller)
    query = select(Instance).where(*IN_QUEUE, Instance.id == instance_id).with_for_update()
    row: Instance | None = await session.scalar(query)
    mine = await readable_workspaces(session, caller, Action.QUEUE_READ)
    if row is None or (mine is not None and row.workspace_id not in mine):
        raise NotFound(f"{instance_id!r} does not wait in a queue.", "See GET /queue.")
    await require(session, caller, row.workspace_id, Action.QUEUE_MANAGE)
    return row


async def _check_priority(
    session: AsyncSession, caller: Caller, row: Instance, priority: int
) -> None:
    found = await require(session, caller, row.workspace_id, Action.QUEUE_MANAGE)
    workspace = await session.get_one(Workspace, row.workspace_id)
    highest = Policy.model_validate(workspace.policy).highest_priority(found.roles)
    if priority > highest:
        raise Forbidden(
            f"Priority {priority} is above what your role in this workspace may give.",
            f"Give {highest} or less.",
        )


async def _reorder(session: AsyncSession, row: Instance, before: str | None) -> None:
    query = (
        select(Instance)
        .where(
            *IN_QUEUE,
            Instance.resource_group == row.resource_group,
            Instance.workspace_id == row.workspace_id,
        )
        .order_by(Instance.priority.desc(), Instance.queue_at, Instance.id)
    )
    entries = list(await session.scalars(query))
    places: list[tuple[int, datetime | None]] = [(each.priority, each.queue_at) for each in entries]
    entries.remove(row)
    index = next((n for n, each in enumerate(entries) if each.id == before), len(entries))
    if before is not None and index == len(entries):
        raise Invalid(
            f"{before!r} does not wait in the same queue in this workspace.", "See GET /queue."
        )
    entries.insert(index, row)
    for each, (priority, queue_at) in zip(entries, places, strict=True):
        each.priority, each.queue_at = priority, queue_at


def _entry(control: Control, row: Instance) -> QueueEntryView:
    shown = row.queue_place or {"place": 0, "ahead": 0, "waiting_for": "its turn"}
    place = QueuePlace.model_validate(shown)
    return QueueEntryView(
        instance_id=row.id,
        owner=row.owner,
        name=row.name,
        display_name=row.display_name,
        workspace_id=row.workspace_id,
        resource_group=row.resource_group,
        spec=row.spec["name"],
        priority=row.priority,
        queued_at=row.queued_at or control.clock(),
        **place.model_dump(),
    )
