"""Saving instances as images: what people ask for and see. The worker does the work."""

from __future__ import annotations

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.base import Model
from dsw.errors import Conflict, NotFound
from dsw.instances import AT_REST, IS_UP
from dsw.names import new_id
from dsw.roles import Action
from dsw.snapshots import ENDED, SnapshotCreate, SnapshotState, SnapshotView
from dsw_control.access import readable_workspaces, require, standing, standings, visible_instance
from dsw_control.assets.image_tags import may_take
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.history import add_event, tell
from dsw_control.records.audit import record
from dsw_control.records.idempotency import Once, earlier, remember
from dsw_control.records.storage import check_storage
from dsw_control.restores import record_of
from dsw_control.store.paging import Key, PageRequest, paged
from dsw_control.store.tables import Instance, Snapshot
from dsw_control.tenancy import workspaces
from dsw_control.views import snapshot_view

ENDED_STATES = [state.value for state in ENDED]
NEWEST_FIRST: list[Key] = [(Snapshot.created_at, True), (Snapshot.id, True)]


class SnapshotFilter(Model):
    """Which snapshots a list is of; `everybody` those of others too, as far as one may see them."""

    everybody: bool = False
    instance: str | None = None
    workspace: str | None = None
    state: SnapshotState | None = None


async def create_snapshot(
    control: Control,
    caller: Caller,
    instance_id: str,
    body: SnapshotCreate,
    once: Once | None = None,
) -> SnapshotView:
    """Write down that the instance is to be saved; one snapshot of an instance at a time."""
    async with control.db.write() as session:
        row = await visible_instance(session, caller, instance_id, Action.INSTANCE_MANAGE_ALL)
        await require(session, caller, row.workspace_id, Action.SNAPSHOT_OWN)
        if made := await earlier(session, once):
            return snapshot_view(await session.get_one(Snapshot, made))
        # One at a time, so that two requests at once do not both find none under way.
        await session.refresh(row, with_for_update=True)
        await _check_can_be_saved(session, control, row)
        if body.tag:
            await may_take(session, caller, row.workspace_id, body.tag)
        snapshot = await new_snapshot(session, control, row, body)
        session.add(snapshot)
        remember(session, control, once, snapshot.id)
        target = (snapshot.id, row.workspace_id)
        record(session, control, caller, Action.SNAPSHOT_OWN, target, did="create", instance=row.id)
        event = add_event(session, control, snapshot)
    tell(control, snapshot, event)
    control.wake_snapshots.set()
    return snapshot_view(snapshot)


async def _check_can_be_saved(session: AsyncSession, control: Control, row: Instance) -> None:
    if not control.engine.isolated:
        await control.engine.snapshot_source(row.id)
    check_can_be_read(row)
    running = await session.scalar(
        select(Snapshot).where(Snapshot.instance_id == row.id, Snapshot.state.not_in(ENDED_STATES))
    )
    if running is not None:
        raise Conflict(
            f"{row.display_name!r} is being saved as {running.name!r}.",
            "Wait for it to end, or cancel it.",
        )
    await check_storage(session, control, row.workspace_id)


def check_can_be_read(row: Instance) -> None:
    """`Conflict` unless there is a container that stays what it is."""
    if row.state not in IS_UP | AT_REST:
        raise Conflict(
            f"{row.display_name!r} is {row.state}.",
            "It can be saved while it is Running, Stopped or Failed.",
        )
    if row.replace and row.state in AT_REST:
        raise Conflict(
            f"{row.display_name!r} gets a new container at its next start.",
            "Start it once, then save it.",
        )


async def new_snapshot(
    session: AsyncSession, control: Control, row: Instance, body: SnapshotCreate
) -> Snapshot:
    """A row for the worker, with what the instance is now."""
    return Snapshot(
        id=new_id("snap"),
        instance_id=row.id,
        workspace_id=row.workspace_id,
        owner=row.owner,
        name=body.name,
        description=body.description,
        state=SnapshotState.PREPARING,
        reason="",
        message="",
        bytes_done=0,
        mode=body.mode,
        exclude=list(body.exclude),
        full=body.full,
        tag=body.tag,
        parent_id=row.image_id,
        restore=(await record_of(session, control, row)).model_dump(mode="json"),
        cancel=False,
        created_at=control.clock(),
    )


async def list_snapshots(
    control: Control, caller: Caller, wanted: SnapshotFilter, page: PageRequest
) -> tuple[list[SnapshotView], str | None]:
    """The caller's snapshots, or all of one instance, newest first, and the next page's cursor."""
    async with control.db.read() as session:
        query = select(Snapshot).where(await _seen(session, caller, wanted))
        if wanted.workspace is not None:
            workspace = await workspaces.find(session, caller, wanted.workspace)
            query = query.where(Snapshot.workspace_id == workspace.id)
        if wanted.instance is not None:
            query = query.where(Snapshot.instance_id == wanted.instance)
        if wanted.state is not None:
            query = query.where(Snapshot.state == wanted.state)
        rows, cursor = await paged(session, query, NEWEST_FIRST, page)
        return [snapshot_view(row) for row in rows], cursor


async def _seen(
    session: AsyncSession, caller: Caller, wanted: SnapshotFilter
) -> ColumnElement[bool]:
    found = await standings(session, caller)
    mine = [key for key, one in found.items() if one.reads(Action.SNAPSHOT_OWN)]
    own = (Snapshot.owner == caller.name) & Snapshot.workspace_id.in_(mine)
    if caller.server is not None:
        server = select(Instance.id).where(
            Instance.owner == caller.name, Instance.name == caller.server
        )
        return own & Snapshot.instance_id.in_(server)
    if not wanted.everybody and wanted.instance is None:
        return own
    readable = await readable_workspaces(session, caller, Action.INSTANCE_READ_ALL)
    return true() if readable is None else own | Snapshot.workspace_id.in_(readable)


async def get_snapshot(control: Control, caller: Caller, snapshot_id: str) -> SnapshotView:
    """One snapshot."""
    async with control.db.read() as session:
        return snapshot_view(await _visible(session, caller, snapshot_id))


async def cancel_snapshot(control: Control, caller: Caller, snapshot_id: str) -> SnapshotView:
    """Ask for an end; nothing of it stays. One that has ended cannot be cancelled."""
    async with control.db.write() as session:
        row = await _visible(session, caller, snapshot_id, change=True)
        await session.refresh(row, with_for_update=True)
        if row.state in ENDED_STATES:
            raise Conflict(f"The snapshot is {row.state} already.")
        row.cancel = True
        target = (row.id, row.workspace_id)
        record(session, control, caller, Action.SNAPSHOT_OWN, target, did="cancel")
    control.wake_snapshots.set()
    return snapshot_view(row)


async def _visible(
    session: AsyncSession, caller: Caller, snapshot_id: str, change: bool = False
) -> Snapshot:
    """The snapshot, when the caller may see it; to change another's takes the right to manage all
    instances."""
    row = await session.get(Snapshot, snapshot_id)
    if row is None or not await _of_this_server(session, caller, row):
        raise _no_snapshot(snapshot_id)
    found = await standing(session, caller, row.workspace_id)
    if row.owner == caller.name and found.roles:
        if change or not found.reads(Action.SNAPSHOT_OWN):
            found.check(Action.SNAPSHOT_OWN)
        return row
    if Action.INSTANCE_READ_ALL not in found.actions:
        raise _no_snapshot(snapshot_id)
    if change:
        found.check(Action.INSTANCE_MANAGE_ALL)
    return row


async def _of_this_server(session: AsyncSession, caller: Caller, row: Snapshot) -> bool:
    """Whether the caller is a person, or the very instance that was saved."""
    if caller.server is None:
        return True
    instance = await session.get(Instance, row.instance_id)
    return row.owner == caller.name and instance is not None and instance.name == caller.server


def _no_snapshot(snapshot_id: str) -> NotFound:
    return NotFound(f"There is no snapshot {snapshot_id[:40]!r}.", "See GET /snapshots for yours.")
