"""Routes of snapshots."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from dsw.events import EventView
from dsw.names import id_pattern
from dsw.snapshots import SnapshotView
from dsw_control import snapshots
from dsw_control.api.dependencies import CallerDep, ControlDep
from dsw_control.api.schemas import Page
from dsw_control.api.streams import history_page

router = APIRouter(prefix="/snapshots", tags=["snapshots"])

SnapshotId = Annotated[str, Path(pattern=id_pattern("snap"))]


@router.get("")
async def list_snapshots(
    control: ControlDep,
    caller: CallerDep,
    instance: Annotated[str | None, Query(pattern=id_pattern("dsw"))] = None,
) -> Page[SnapshotView]:
    """Your snapshots, newest first."""
    return Page(items=await snapshots.list_snapshots(control, caller, instance))


@router.get("/{snapshot_id}")
async def get_snapshot(
    control: ControlDep, caller: CallerDep, snapshot_id: SnapshotId
) -> SnapshotView:
    """One snapshot, with how far it is."""
    return await snapshots.get_snapshot(control, caller, snapshot_id)


@router.post("/{snapshot_id}/cancel", status_code=202)
async def cancel_snapshot(
    control: ControlDep, caller: CallerDep, snapshot_id: SnapshotId
) -> SnapshotView:
    """End a snapshot that is under way; nothing of it stays."""
    return await snapshots.cancel_snapshot(control, caller, snapshot_id)


@router.get("/{snapshot_id}/events")
async def list_events(
    control: ControlDep,
    caller: CallerDep,
    snapshot_id: SnapshotId,
    after: Annotated[int, Query(ge=0)] = 0,
) -> Page[EventView]:
    """The history of a snapshot, oldest first."""
    await snapshots.get_snapshot(control, caller, snapshot_id)
    return await history_page(control, snapshot_id, after)
