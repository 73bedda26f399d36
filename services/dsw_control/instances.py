"""What people do with instances. Each use case writes what is wanted; the reconciler does it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.base import Model
from dsw.errors import Conflict
from dsw.instances import (
    AT_REST,
    IS_STARTING,
    Desired,
    InstanceChange,
    InstanceCreate,
    InstanceStart,
    InstanceState,
    InstanceView,
)
from dsw.names import check_server_name, server_name
from dsw.roles import Action
from dsw.specs import Spec
from dsw.workspaces import DEFAULT_PRIORITY, Policy
from dsw_control.access import (
    Standing,
    not_from_an_instance,
    readable_workspaces,
    require,
    standing,
    standings,
    visible_instance,
)
from dsw_control.assets import code_sources, images
from dsw_control.auth import Caller
from dsw_control.capacity import queue
from dsw_control.capacity.groups import group_for
from dsw_control.context import Control
from dsw_control.data import static_mounts
from dsw_control.etags import check_match
from dsw_control.history import add_event, tell
from dsw_control.instance_rows import is_being_saved, new_row, spec_named, want
from dsw_control.records.audit import record
from dsw_control.records.idempotency import Once, earlier, remember
from dsw_control.records.storage import check_storage
from dsw_control.shares import access_to, shared_with
from dsw_control.store.paging import Key, PageRequest, paged
from dsw_control.store.tables import Event, Image, Instance, Workspace
from dsw_control.tenancy import workspaces
from dsw_control.tenancy.policies import check_priority, check_start
from dsw_control.views import instance_view

NEWEST_FIRST: list[Key] = [(Instance.created_at, True), (Instance.id, True)]
_LIVING = select(Instance).where(Instance.deleted_at.is_(None))


class InstanceFilter(Model):
    """Which instances a list is of; `everybody` those of others too, as far as one may see them,
    `shared` those that others share with the caller, and no others."""

    everybody: bool = False
    shared: bool = False
    state: InstanceState | None = None
    workspace: str | None = None
    owner: str | None = None
    name: str | None = None


async def list_instances(
    control: Control,
    caller: Caller,
    wanted: InstanceFilter | None = None,
    page: PageRequest | None = None,
) -> tuple[list[InstanceView], str | None]:
    """The caller's instances, newest first, and the cursor of the next page."""
    wanted = wanted or InstanceFilter()
    async with control.db.read() as session:
        access = await shared_with(session, caller) if wanted.shared else {}
        query = await _seen(session, caller, wanted.everybody)
        if wanted.shared:
            query = _LIVING.where(Instance.id.in_(access))
        if wanted.workspace is not None:
            workspace = await workspaces.find(session, caller, wanted.workspace)
            query = query.where(Instance.workspace_id == workspace.id)
        for column, value in (
            (Instance.state, wanted.state),
            (Instance.owner, wanted.owner),
            (Instance.name, wanted.name),
        ):
            if value is not None:
                query = query.where(column == value)
        rows, cursor = await paged(session, query, NEWEST_FIRST, page or PageRequest())
        return [instance_view(control, row, access.get(row.id)) for row in rows], cursor


async def _seen(session: AsyncSession, caller: Caller, everybody: bool) -> Select[Instance]:
    query = _LIVING
    found = await standings(session, caller)
    mine = [key for key, one in found.items() if one.reads(Action.INSTANCE_USE_OWN)]
    own = (Instance.owner == caller.name) & Instance.workspace_id.in_(mine)
    if caller.server is not None:
        return query.where(own, Instance.name == caller.server)
    if not everybody:
        return query.where(own)
    readable = await readable_workspaces(session, caller, Action.INSTANCE_READ_ALL)
    return query if readable is None else query.where(own | Instance.workspace_id.in_(readable))


async def get_instance(control: Control, caller: Caller, instance_id: str) -> InstanceView:
    """One instance, also one that is shared with the caller."""
    async with control.db.read() as session:
        access = await access_to(session, caller, instance_id)
        if access is not None:
            return instance_view(control, await session.get_one(Instance, instance_id), access)
        row = await visible_instance(session, caller, instance_id, Action.INSTANCE_READ_ALL)
        return instance_view(control, row)


async def require_history(control: Control, caller: Caller, instance_id: str) -> None:
    """`NotFound` unless the caller may read the instance's history. Visitors may not."""
    async with control.db.read() as session:
        await visible_instance(session, caller, instance_id, Action.INSTANCE_READ_ALL)


async def create_instance(
    control: Control, caller: Caller, body: InstanceCreate, once: Once | None = None
) -> InstanceView:
    """Write down a new instance, and unless `start` is false let it start or wait for its turn."""
    not_from_an_instance(caller)
    try:
        async with control.db.write() as session:
            # All of it is written at once at the end, not before each query on the way.
            with session.no_autoflush:
                workspace = await workspaces.find(session, caller, body.workspace)
                found = await require(session, caller, workspace.id, Action.INSTANCE_USE_OWN)
                if made := await earlier(session, once):
                    return instance_view(control, await session.get_one(Instance, made))
                row = await _new_instance(session, control, caller, workspace, body)
                row.priority = _priority(workspace, found, body.priority)
                remember(session, control, once, row.id)
                record_act(session, control, caller, row, "create")
                if body.start:
                    await begin(session, control, row, body.queue)
                event = add_event(session, control, row)
    except IntegrityError as error:
        raise _name_taken(body.name or body.display_name or "") from error
    return told(control, row, event)


async def _new_instance(
    session: AsyncSession,
    control: Control,
    caller: Caller,
    workspace: Workspace,
    body: InstanceCreate,
) -> Instance:
    """The row of a new instance, all that it names looked up and allowed."""
    image = await images.usable(session, control, caller, workspace.id, body.image)
    await check_storage(session, control, workspace.id)
    spec = spec_named(control, body.spec)
    await check_start(session, caller.name, workspace, spec, image)
    if body.code_source:
        await code_sources.usable(session, caller, workspace.id, body.code_source)
    # Names are made one after the other, so that two at once do not choose the same.
    await workspaces.lock(session, workspace)
    taken = await _names_of(session, caller.name)
    display_name = body.display_name or body.name or "instance"
    name = check_server_name(body.name) if body.name else server_name(display_name, taken)
    if name in taken:
        raise _name_taken(name)
    row = new_row(control, caller.name, name, workspace.id)
    row.display_name = display_name
    row.image_id, row.image_name = image.id, image.name
    row.spec = spec.model_dump(mode="json")
    row.resource_group = await group_for(session, control, spec, body.resource_group)
    row.code_source = body.code_source
    await _choose_saving(control, row, body.save_on_stop)
    session.add(row)
    await static_mounts.choose(session, control, row, body.datasets)
    return row


async def _choose_saving(control: Control, row: Instance, save: bool) -> None:
    """`Conflict` where no instance can be saved."""
    if save and not control.engine.isolated:
        await control.engine.snapshot_source(row.id)
    row.save_on_stop = save


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
        _must_rest(row, "Only an instance that is Stopped or Failed can be started.")
        workspace = await session.get_one(Workspace, row.workspace_id)
        if how.priority is not None:
            found = await standing(session, caller, workspace.id)
            row.priority = _priority(workspace, found, how.priority)
        image = await session.get_one(Image, row.image_id)
        await check_start(session, row.owner, workspace, Spec.model_validate(row.spec), image)
        record_act(session, control, caller, row, "start")
        await begin(session, control, row, how.queue)
        if await is_being_saved(session, row.id):
            row.message = "It starts when it has been saved as an image."
        event = add_event(session, control, row)
    return told(control, row, event)


async def begin(session: AsyncSession, control: Control, row: Instance, wait: bool = True) -> None:
    """Want the instance running: admitted at once, or in the queue."""
    want(control, row, Desired.RUNNING, InstanceState.CREATING)
    row.asked, row.attempts, row.failure = False, 0, ""
    await queue.enter(session, control, row, wait)


async def change_instance(
    control: Control,
    caller: Caller,
    instance_id: str,
    body: InstanceChange,
    if_match: str | None = None,
) -> InstanceView:
    """Another display name, and whether stops save it, at any time; all else while it is Stopped
    or Failed."""
    not_from_an_instance(caller)
    async with control.db.write() as session:
        row = await visible_instance(session, caller, instance_id, Action.INSTANCE_MANAGE_ALL)
        check_match(if_match, instance_view(control, row))
        if body.display_name is not None:
            row.display_name = body.display_name
        if body.save_on_stop is not None:
            await _choose_saving(control, row, body.save_on_stop)
        if body.model_dump(exclude={"display_name", "save_on_stop"}, exclude_defaults=True):
            _must_rest(row, "Stop it before you change it.")
            await _change_place(session, control, caller, row, body)
            await _change_environment(session, control, caller, row, body)
        changed = sorted(body.model_dump(exclude_defaults=True))
        record_act(session, control, caller, row, "change", changed=changed)
    tell(control, row)
    return instance_view(control, row)


async def _change_place(
    session: AsyncSession, control: Control, caller: Caller, row: Instance, body: InstanceChange
) -> None:
    """Where it runs, how urgently, and with which code."""
    if body.resource_group is not None or body.spec is not None:
        spec = spec_named(control, body.spec or row.spec["name"])
        row.resource_group = await group_for(session, control, spec, body.resource_group)
    if body.priority is not None:
        workspace = await session.get_one(Workspace, row.workspace_id)
        found = await standing(session, caller, workspace.id)
        row.priority = _priority(workspace, found, body.priority)
    if body.code_source is not None:
        if body.code_source:
            await code_sources.usable(session, caller, row.workspace_id, body.code_source)
        row.code_source = body.code_source or None


async def _change_environment(
    session: AsyncSession, control: Control, caller: Caller, row: Instance, body: InstanceChange
) -> None:
    """What its container is made from."""
    old = new = Spec.model_validate(row.spec)
    if body.spec is not None:
        new = spec_named(control, body.spec)
    needs_new = any(getattr(old, name) != getattr(new, name) for name in _NEEDS_NEW)
    if body.image is not None and body.image != row.image_id:
        image = await images.usable(session, control, caller, row.workspace_id, body.image)
        row.image_id, row.image_name = image.id, image.name
        # Another image has its own SSH server, or none: it tells at its start.
        row.ssh = None
        needs_new = True
    if body.datasets is not None:
        needs_new |= await static_mounts.choose(session, control, row, body.datasets)
        needs_new |= bool(body.datasets) and await static_mounts.lacks_anchors(control, row)
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


_NEEDS_NEW = ("shared_memory", "gpu", "gpu_type", "gpu_shared")


def _priority(workspace: Workspace, found: Standing, asked: int | None) -> int:
    """The priority asked for, or the usual one; not above what the caller's roles may ask for."""
    policy = Policy.model_validate(workspace.policy)
    if asked is None:
        return min(DEFAULT_PRIORITY, policy.highest_priority(found.roles))
    check_priority(policy, found.roles, asked)
    return asked


def _must_rest(row: Instance, hint: str) -> None:
    if row.state not in AT_REST:
        raise Conflict(f"{row.display_name!r} is {row.state}.", hint)


def _name_taken(name: str) -> Conflict:
    return Conflict(f"You have an instance named {name[:60]!r}.", "Choose another name.")


def record_act(
    session: AsyncSession,
    control: Control,
    caller: Caller,
    row: Instance,
    did: str,
    **detail: object,
) -> None:
    """Note in the audit log what was done to an instance, one's own or another's."""
    own = caller.name == row.owner
    action = Action.INSTANCE_USE_OWN if own else Action.INSTANCE_MANAGE_ALL
    record(session, control, caller, action, (row.id, row.workspace_id), did=did, **detail)


def told(control: Control, row: Instance, event: Event) -> InstanceView:
    """After the commit: the change is told, the loops look, the caller sees."""
    tell(control, row, event)
    control.wake.set()
    control.wake_queue.set()
    return instance_view(control, row)


async def _names_of(session: AsyncSession, owner: str) -> Sequence[str]:
    return (
        await session.scalars(
            select(Instance.name).where(Instance.owner == owner, Instance.deleted_at.is_(None))
        )
    ).all()
