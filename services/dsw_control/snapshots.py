"""Saving instances as images: what people ask for and see. The worker does the work."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.errors import Conflict, NotFound
from dsw.instances import AT_REST, IS_UP
from dsw.names import new_id
from dsw.roles import Action
from dsw.snapshots import ENDED, SnapshotCreate, SnapshotState, SnapshotView
from dsw_control.access import require, visible_instance
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.history import add_event, tell
from dsw_control.store.tables import Instance, Snapshot
from dsw_control.views import snapshot_view

ENDED_STATES = [state.value for state in ENDED]


async def create_snapshot(
    control: Control, caller: Caller, instance_id: str, body: SnapshotCreate
) -> SnapshotView:
    """Write down that the instance is to be saved; one snapshot of an instance at a time."""
    async with control.db.write() as session:
        row = await visible_instance(session, caller, instance_id, Action.INSTANCE_MANAGE_ALL)
        await require(session, caller, row.workspace_id, Action.SNAPSHOT_OWN)
        if not control.engine.isolated:
            await control.engine.snapshot_source(row.id)
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
        running = await session.scalar(
            select(Snapshot).where(
                Snapshot.instance_id == row.id, Snapshot.state.not_in(ENDED_STATES)
            )
        )
        if running is not None:
            raise Conflict(
                f"{row.display_name!r} is being saved as {running.name!r}.",
                "Wait for it to end, or cancel it.",
            )
        snapshot = Snapshot(
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
            parent_id=row.image_id,
            cancel=False,
            created_at=control.clock(),
        )
        session.add(snapshot)
        event = add_event(session, control, snapshot)
    tell(control, snapshot, event)
    control.wake_snapshots.set()
    return snapshot_view(snapshot)


async def list_snapshots(
    control: Control, caller: Caller, instance_id: str | None
) -> list[SnapshotView]:
    """The caller's snapshots, newest first."""
    query = select(Snapshot)
    if not (caller.admin and instance_id):
        query = query.where(Snapshot.owner == caller.name)
    if instance_id is not None:
        query = query.where(Snapshot.instance_id == instance_id)
    async with control.db.read() as session:
        if caller.server is not None:
            own = select(Instance.id).where(
                Instance.owner == caller.name, Instance.name == caller.server
            )
            query = query.where(Snapshot.instance_id.in_(own))
        rows = await session.scalars(query.order_by(Snapshot.created_at.desc()).limit(200))
        return [snapshot_view(row) for row in rows]


async def get_snapshot(control: Control, caller: Caller, snapshot_id: str) -> SnapshotView:
    """One snapshot."""
    async with control.db.read() as session:
        return snapshot_view(await _visible(session, caller, snapshot_id))


async def cancel_snapshot(control: Control, caller: Caller, snapshot_id: str) -> SnapshotView:
    """Ask for an end; nothing of it stays. One that has ended cannot be cancelled."""
    async with control.db.write() as session:
        row = await _visible(session, caller, snapshot_id)
        if row.state in ENDED_STATES:
            raise Conflict(f"The snapshot is {row.state} already.")
        row.cancel = True
    control.wake_snapshots.set()
    return snapshot_view(row)


async def _visible(session: AsyncSession, caller: Caller, snapshot_id: str) -> Snapshot:
    """The snapshot, when it is the caller's to see; `NotFound` otherwise."""
    row = await session.get(Snapshot, snapshot_id)
    if row is None or not await _may_see(session, caller, row):
        raise NotFound(
            f"There is no snapshot {snapshot_id[:40]!r}.", "See GET /snapshots for yours."
        )
    return row


async def _may_see(session: AsyncSession, caller: Caller, row: Snapshot) -> bool:
    if caller.server is not None:
        instance = await session.get(Instance, row.instance_id)
        return row.owner == caller.name and instance is not None and instance.name == caller.server
    return caller.admin or row.owner == caller.name
