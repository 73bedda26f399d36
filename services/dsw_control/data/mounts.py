"""Mounts as people ask for them while an instance runs."""

from __future__ import annotations

import asyncio

from sqlalchemy.ext.asyncio import AsyncSession

from dsw.errors import Conflict, DswError, Forbidden, NotFound
from dsw.instances import IS_UP, Desired
from dsw.mounts import MountCreate, MountKind, MountReason, MountState, MountView
from dsw.roles import Action
from dsw_control.access import require, visible_instance
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.data.datasets import usable
from dsw_control.data.mount_rows import (
    Told,
    Why,
    become,
    dynamic_target,
    end_row,
    live,
    mount_view,
    names_of,
    new_row,
    tell_all,
)
from dsw_control.data.mount_starts import look_up
from dsw_control.data.mount_steps import Steps
from dsw_control.data.sources import ask_anew
from dsw_control.records.audit import record
from dsw_control.records.idempotency import Once, earlier, remember
from dsw_control.store.paging import Key, PageRequest, paged
from dsw_control.store.tables import Dataset, Instance, Mount

MOST = 50
"""Dynamic mounts of one instance."""
UNMOUNT_SECONDS = 20.0
"""How long somebody waits who unmounts; it goes on afterwards."""

_OLDEST_FIRST: list[Key] = [(Mount.created_at, False), (Mount.id, False)]


async def list_mounts(
    control: Control, caller: Caller, instance_id: str, page: PageRequest
) -> tuple[list[MountView], str | None]:
    """What is mounted in an instance, or is to be when it runs."""
    async with control.db.read() as session:
        await visible_instance(session, caller, instance_id, Action.INSTANCE_READ_ALL)
        rows, cursor = await paged(session, live(instance_id).order_by(None), _OLDEST_FIRST, page)
        names = await names_of(session, [row.dataset_id for row in rows])
    return [mount_view(row, names[row.dataset_id]) for row in rows], cursor


async def get_mount(control: Control, caller: Caller, instance_id: str, mount_id: str) -> MountView:
    """One mount of an instance, also for a while after it ended."""
    async with control.db.read() as session:
        await visible_instance(session, caller, instance_id, Action.INSTANCE_READ_ALL)
        return await _view(session, await _known(session, instance_id, mount_id))


async def create_mount(
    control: Control,
    caller: Caller,
    instance_id: str,
    body: MountCreate,
    once: Once | None = None,
) -> MountView:
    """Mount a dataset in a running instance. The same mount once more is the one there is."""
    if control.engine.mounts is None:
        raise Conflict("This workbench mounts nothing.", "It needs a container engine.")
    told: Told = []
    async with control.db.write() as session:
        instance = await _own(session, caller, instance_id)
        if made := await earlier(session, once):
            return await _view(session, await session.get_one(Mount, made))
        await session.refresh(instance, with_for_update=True)
        _must_run(instance)
        owner = Caller(name=instance.owner)
        dataset, _ = await usable(session, owner, instance.workspace_id, body.dataset, body.version)
        row = _dynamic_row(control, caller, instance, dataset, body)
        found = await look_up(session, control, instance, row)
        row.mounted_version, row.source = found.version, found.source
        await ask_anew(session, control, found.source)
        there = await _in_the_way(session, control, row)
        if there is not None:
            return mount_view(there, dataset.name)
        session.add(row)
        remember(session, control, once, row.id)
        asked = Why(reason=MountReason.REQUESTED)
        if event := become(session, control, row, MountState.MOUNTING, asked):
            told.append((instance, event))
        _note(session, control, caller, row, "mount")
        await session.flush()
    tell_all(control, told)
    control.wake_mounts.set()
    return mount_view(row, dataset.name)


async def remove_mount(
    control: Control, caller: Caller, instance_id: str, mount_id: str, force: bool = False
) -> MountView:
    """Unmount; `Conflict` names the processes that use it, unless it is forced.

    Where that takes long, the answer comes before the end: Unmounting.
    """
    told: Told = []
    async with control.db.write() as session:
        instance = await _own(session, caller, instance_id)
        row = await _known(session, instance_id, mount_id, lock=True)
        if row.kind == MountKind.STATIC:
            raise Conflict(
                f"{row.name!r} is mounted from the start of the instance.",
                "Stop the instance and change its datasets.",
            )
        if row.ended_at is not None:
            return await _view(session, row)
        row.desired, row.force, row.attempts = False, force, 0
        if row.state in (MountState.UNMOUNTED, MountState.FAILED):
            become(session, control, row, MountState.UNMOUNTED)
            end_row(control, row)
        elif event := become(
            session, control, row, MountState.UNMOUNTING, Why(reason=MountReason.REQUESTED)
        ):
            told.append((instance, event))
        _note(session, control, caller, row, "unmount", force=force)
    tell_all(control, told)
    return await _unmounted(control, instance_id, row)


def _dynamic_row(
    control: Control, caller: Caller, instance: Instance, dataset: Dataset, body: MountCreate
) -> Mount:
    name = body.name or dataset.name
    row = new_row(control, instance, dataset, dynamic_target(name))
    row.kind, row.name, row.keep = MountKind.DYNAMIC, name, body.keep
    row.access, row.version = body.access, body.version
    row.created_by = caller.name
    return row


async def _in_the_way(session: AsyncSession, control: Control, row: Mount) -> Mount | None:
    """The same mount where there is one already; `Conflict` for another of its name."""
    rows = await session.scalars(live(row.instance_id).where(Mount.kind == MountKind.DYNAMIC))
    others = list(rows)
    if len(others) >= MOST:
        raise Conflict(f"An instance has at most {MOST} mounts.", "Unmount one first.")
    for other in others:
        if other.name != row.name:
            continue
        if other.state == MountState.FAILED:
            end_row(control, other)
            await session.flush()
            return None
        if other.desired and _same(other, row):
            return other
        raise Conflict(
            f"The instance has a mount named {row.name!r}.", "Unmount it, or choose another name."
        )
    return None


def _same(one: Mount, other: Mount) -> bool:
    return (one.dataset_id, one.mounted_version, one.access, one.keep) == (
        other.dataset_id,
        other.mounted_version,
        other.access,
        other.keep,
    )


async def _unmounted(control: Control, instance_id: str, row: Mount) -> MountView:
    """Have it done now. What cannot be done now, the worker does."""
    engine = control.engine.mounts
    if engine is not None and row.ended_at is None:
        try:
            async with asyncio.timeout(UNMOUNT_SECONDS):
                await Steps(control, engine).settle(instance_id)
        except (DswError, TimeoutError):
            control.wake_mounts.set()
    control.wake_mounts.set()
    async with control.db.read() as session:
        row = await session.get_one(Mount, row.id)
        view = await _view(session, row)
    if view.reason == MountReason.BUSY:
        raise Conflict(view.message)
    return view


async def _own(session: AsyncSession, caller: Caller, instance_id: str) -> Instance:
    """The instance, when it is the caller's and they may mount in it."""
    row = await visible_instance(session, caller, instance_id, Action.INSTANCE_READ_ALL)
    if row.owner != caller.name:
        raise Forbidden("Only its owner mounts data in an instance.", f"Ask {row.owner}.").about(
            row.workspace_id
        )
    await require(session, caller, row.workspace_id, Action.MOUNT_OWN)
    return row


def _must_run(row: Instance) -> None:
    if row.state not in IS_UP or row.desired != Desired.RUNNING:
        raise Conflict(
            f"{row.display_name!r} is {row.state}.",
            "Start it first, or choose the dataset for its start.",
        )


async def _known(
    session: AsyncSession, instance_id: str, mount_id: str, lock: bool = False
) -> Mount:
    row = await session.get(Mount, mount_id, with_for_update=lock or None)
    if row is None or row.instance_id != instance_id:
        raise NotFound(
            f"There is no mount {mount_id[:40]!r} in this instance.",
            "See GET /instances/{instance_id}/mounts.",
        )
    return row


async def _view(session: AsyncSession, row: Mount) -> MountView:
    dataset = await session.get_one(Dataset, row.dataset_id)
    return mount_view(row, dataset.name)


def _note(
    session: AsyncSession,
    control: Control,
    caller: Caller,
    row: Mount,
    did: str,
    **detail: object,
) -> None:
    target = (row.id, row.workspace_id)
    told = {
        "instance": row.instance_id,
        "dataset": row.dataset_id,
        "version": row.mounted_version,
        "access": row.access,
        **detail,
    }
    record(session, control, caller, Action.MOUNT_OWN, target, did=did, **told)
