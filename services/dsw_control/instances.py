"""What people do with instances. Each use case writes what is wanted; the reconciler does it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.errors import Conflict, Forbidden, Invalid
from dsw.instances import (
    AT_REST,
    IS_STARTING,
    Desired,
    InstanceChange,
    InstanceCreate,
    InstanceStart,
    InstanceState,
    InstanceView,
    Reason,
)
from dsw.names import check_server_name, new_id, server_name
from dsw.roles import Action
from dsw.snapshots import ENDED
from dsw.specs import Spec
from dsw.workspaces import DEFAULT_PRIORITY, Policy
from dsw_control.access import not_from_an_instance, require, standing, visible_instance
from dsw_control.assets import images
from dsw_control.auth import Caller
from dsw_control.capacity import queue
from dsw_control.capacity.admission import release
from dsw_control.capacity.groups import group_for
from dsw_control.context import Control
from dsw_control.history import add_event, tell
from dsw_control.records.audit import record
from dsw_control.records.storage import check_storage
from dsw_control.store.tables import Event, Image, Instance, Snapshot, Workspace
from dsw_control.tenancy import workspaces
from dsw_control.tenancy.policies import check_start
from dsw_control.views import instance_view


async def list_instances(
    control: Control, caller: Caller, everybody: bool = False
) -> list[InstanceView]:
    """The caller's instances, newest first; with `everybody` all that a platform admin may see."""
    query = select(Instance).where(Instance.deleted_at.is_(None))
    if not (everybody and caller.admin):
        query = query.where(Instance.owner == caller.name)
    if caller.server is not None:
        query = query.where(Instance.name == caller.server)
    async with control.db.read() as session:
        rows = await session.scalars(query.order_by(Instance.created_at.desc()))
        return [instance_view(control, row) for row in rows]


async def get_instance(control: Control, caller: Caller, instance_id: str) -> InstanceView:
    """One instance."""
    async with control.db.read() as session:
        row = await visible_instance(session, caller, instance_id, Action.INSTANCE_READ_ALL)
        return instance_view(control, row)


async def create_instance(control: Control, caller: Caller, body: InstanceCreate) -> InstanceView:
    """Write down a new instance, admitted and on its way up unless `start` is false."""
    not_from_an_instance(caller)
    display_name = body.display_name or body.name or "instance"
    try:
        async with control.db.write() as session:
            workspace = await workspaces.find(session, caller, body.workspace)
            await require(session, caller, workspace.id, Action.INSTANCE_USE_OWN)
            image = await images.usable(session, control, caller, workspace.id, body.image)
            await check_storage(session, control, workspace.id)
            # Names are made one after the other, so that two at once do not choose the same.
            await session.refresh(workspace, with_for_update=True)
            taken = await _names_of(session, caller.name)
            name = check_server_name(body.name) if body.name else server_name(display_name, taken)
            if name in taken:
                raise Conflict(f"You have an instance named {name!r}.", "Choose another name.")
            row = new_row(control, caller.name, name, workspace.id)
            row.display_name = display_name
            row.image_id, row.image_name = image.id, image.name
            spec = spec_named(control, body.spec)
            row.spec = spec.model_dump(mode="json")
            row.resource_group = group_for(control, spec, body.resource_group)
            row.priority = await _priority(session, caller, workspace, body.priority)
            row.code_source = body.code_source
            await check_start(session, caller.name, workspace, spec, image, body.priority)
            session.add(row)
            await session.flush()
            record(
                session,
                control,
                caller,
                Action.INSTANCE_USE_OWN,
                (row.id, workspace.id),
                did="create",
            )
            if body.start:
                await begin(session, control, row, body.queue)
            event = add_event(session, control, row)
    except IntegrityError as error:
        raise Conflict(f"You have an instance named {name!r}.", "Choose another name.") from error
    return _told(control, row, event)


async def start_instance(
    control: Control, caller: Caller, instance_id: str, how: InstanceStart | None = None
) -> InstanceView:
    """Want it running. While it is starting this changes nothing; when it runs it is refused."""
    how = how or InstanceStart()
    not_from_an_instance(caller)
    async with control.db.write() as session:
        row = await visible_instance(session, caller, instance_id, Action.INSTANCE_MANAGE_ALL)
        if row.desired == Desired.RUNNING and row.state in IS_STARTING:
            return instance_view(control, row)
        if row.state not in AT_REST:
            raise Conflict(
                f"{row.display_name!r} is {row.state}.",
                "Only an instance that is Stopped or Failed can be started.",
            )
        workspace = await session.get_one(Workspace, row.workspace_id)
        if how.priority is not None:
            row.priority = await _priority(session, caller, workspace, how.priority)
        image = await session.get_one(Image, row.image_id)
        spec = Spec.model_validate(row.spec)
        await check_start(session, row.owner, workspace, spec, image)
        record(
            session,
            control,
            caller,
            _own_or_all(caller, row),
            (row.id, row.workspace_id),
            did="start",
        )
        await begin(session, control, row, how.queue)
        event = add_event(session, control, row)
    return _told(control, row, event)


async def stop_instance(control: Control, caller: Caller, instance_id: str) -> InstanceView:
    """Want it stopped. Stopping what is stopped, or stopping, changes nothing."""
    return await _want_down(control, caller, instance_id, Desired.STOPPED, InstanceState.STOPPING)


async def delete_instance(control: Control, caller: Caller, instance_id: str) -> InstanceView:
    """Want it gone, with all that was installed in it. What is on the NAS stays."""
    return await _want_down(control, caller, instance_id, Desired.DELETED, InstanceState.DELETING)


async def _want_down(
    control: Control, caller: Caller, instance_id: str, desired: Desired, state: InstanceState
) -> InstanceView:
    not_from_an_instance(caller)
    async with control.db.write() as session:
        row = await visible_instance(session, caller, instance_id, Action.INSTANCE_MANAGE_ALL)
        if row.desired in (desired, Desired.DELETED):
            return instance_view(control, row)
        await cancel_snapshots(session, row)
        want(control, row, desired, state)
        did = "stop" if desired is Desired.STOPPED else "delete"
        record(
            session, control, caller, _own_or_all(caller, row), (row.id, row.workspace_id), did=did
        )
        event = add_event(session, control, row)
    return _told(control, row, event)


def _told(control: Control, row: Instance, event: Event) -> InstanceView:
    """After the commit: the change is told, the reconciler looks, the caller sees."""
    tell(control, row, event)
    control.wake.set()
    return instance_view(control, row)


async def change_instance(
    control: Control, caller: Caller, instance_id: str, body: InstanceChange
) -> InstanceView:
    """Another display name at any time; another image or spec while it is Stopped or Failed."""
    not_from_an_instance(caller)
    async with control.db.write() as session:
        row = await visible_instance(session, caller, instance_id, Action.INSTANCE_MANAGE_ALL)
        if body.display_name is not None:
            row.display_name = body.display_name
        if body.image is not None or body.spec is not None or body.discard_changes:
            if row.state not in AT_REST:
                raise Conflict(
                    f"{row.display_name!r} is {row.state}.", "Stop it before you change it."
                )
            await _change_environment(session, control, caller, row, body)
    tell(control, row)
    return instance_view(control, row)


async def _change_environment(
    session: AsyncSession, control: Control, caller: Caller, row: Instance, body: InstanceChange
) -> None:
    old, new = Spec.model_validate(row.spec), Spec.model_validate(row.spec)
    if body.spec is not None:
        new = spec_named(control, body.spec)
    needs_new = (old.shared_memory, old.gpu, old.gpu_type) != (
        new.shared_memory,
        new.gpu,
        new.gpu_type,
    )
    if body.image is not None and body.image != row.image_id:
        image = await images.usable(session, control, caller, row.workspace_id, body.image)
        row.image_id, row.image_name = image.id, image.name
        needs_new = True
    has_container = control.engine.isolated and row.attempt > 0
    if needs_new and has_container and not body.discard_changes:
        raise Conflict(
            "This change needs a new container, and what was installed in the old one would be "
            "lost; files in /mnt/workspace stay.",
            "Save the instance as an image first, or send discard_changes: true.",
        )
    row.spec = new.model_dump(mode="json")
    # Consent alone is enough: the operator may have changed what only a new container can have.
    row.replace = row.replace or needs_new or body.discard_changes


def new_row(control: Control, owner: str, name: str, workspace_id: str) -> Instance:
    """A row that holds nothing and wants nothing yet."""
    moment = control.clock()
    return Instance(
        id=new_id("dsw"),
        owner=owner,
        name=name,
        workspace_id=workspace_id,
        desired=Desired.STOPPED,
        state=InstanceState.STOPPED,
        reason="",
        message="",
        failure="",
        gpus=[],
        passed=0,
        asked=False,
        attempt=0,
        attempts=0,
        replace=False,
        created_at=moment,
        changed_at=moment,
    )


def spec_named(control: Control, name: str) -> Spec:
    """The spec of this name; `Invalid` names those that there are."""
    for spec in control.settings.specs:
        if spec.name == name:
            return spec
    known = ", ".join(spec.name for spec in control.settings.specs)
    raise Invalid(f"There is no spec {name[:40]!r}.", f"Choose one of: {known}.")


async def begin(session: AsyncSession, control: Control, row: Instance, wait: bool = True) -> None:
    """Want the instance running: admitted at once, or in the queue."""
    want(control, row, Desired.RUNNING, InstanceState.CREATING)
    row.asked, row.attempts, row.failure = False, 0, ""
    await queue.enter(session, control, row, wait)


def _own_or_all(caller: Caller, row: Instance) -> Action:
    own = caller.name == row.owner
    return Action.INSTANCE_USE_OWN if own else Action.INSTANCE_MANAGE_ALL


async def _priority(
    session: AsyncSession, caller: Caller, workspace: Workspace, asked: int | None
) -> int:
    """The priority asked for, or the usual one; not above what the caller's roles may ask for."""
    roles = (await standing(session, caller, workspace.id)).roles
    highest = Policy.model_validate(workspace.policy).highest_priority(roles)
    if asked is not None and asked > highest:
        raise Forbidden(
            f"Priority {asked} is above what your role in this workspace may ask for.",
            f"Ask for {highest} or less.",
        )
    return min(DEFAULT_PRIORITY, highest) if asked is None else asked


def want(control: Control, row: Instance, desired: Desired, state: InstanceState) -> None:
    """Write down what is wanted and the state that this leads to at once."""
    row.desired, row.state = desired, state
    row.reason = Reason.REQUESTED
    row.message, row.percent = "", None
    row.changed_at = control.clock()


async def end(session: AsyncSession, control: Control, row: Instance) -> None:
    """The instance holds nothing any more: it is at rest or gone."""
    await release(session, control, row.id)
    row.asked, row.failure, row.percent = False, "", None
    row.queued_at = row.queue_at = row.queue_place = None
    row.stopped_at = control.clock()


async def cancel_snapshots(session: AsyncSession, row: Instance) -> None:
    """A stop does not wait for a copy that is under way."""
    running = await session.scalars(
        select(Snapshot).where(
            Snapshot.instance_id == row.id, Snapshot.state.not_in([state.value for state in ENDED])
        )
    )
    for snapshot in running:
        snapshot.cancel = True


async def _names_of(session: AsyncSession, owner: str) -> Sequence[str]:
    return (
        await session.scalars(
            select(Instance.name).where(Instance.owner == owner, Instance.deleted_at.is_(None))
        )
    ).all()
