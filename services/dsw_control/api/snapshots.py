"""Routes of snapshots."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from dsw.events import EventView
from dsw.names import id_pattern
from dsw.roles import Action
from dsw.snapshots import SnapshotState, SnapshotView
from dsw_control import snapshots
from dsw_control.api.conditions import tagged
from dsw_control.api.dependencies import CallerDep, ControlDep, PageDep, does
from dsw_control.api.schemas import Page
from dsw_control.api.streams import history_page
from dsw_control.snapshots import SnapshotFilter

router = APIRouter(prefix="/snapshots", tags=["snapshots"])

SnapshotId = Annotated[str, Path(pattern=id_pattern("snap"))]


async def get_filter(
    everybody: Annotated[
        bool, Query(alias="all", description="Those of others too, where you may see them.")
    ] = False,
    instance: Annotated[str | None, Query(pattern=id_pattern("dsw"))] = None,
    workspace: Annotated[str | None, Query(max_length=80, description="Id or name.")] = None,
    state: SnapshotState | None = None,
) -> SnapshotFilter:
    """Which snapshots are asked for."""
    return SnapshotFilter(everybody=everybody, instance=instance, workspace=workspace, state=state)


@router.get("", **does(Action.SNAPSHOT_OWN))
async def list_snapshots(
    control: ControlDep,
    caller: CallerDep,
    wanted: Annotated[SnapshotFilter, Depends(get_filter)],
    page: PageDep,
) -> Page[SnapshotView]:
    """Your snapshots, newest first."""
    items, cursor = await snapshots.list_snapshots(control, caller, wanted, page)
    return Page(items=items, next=cursor)


@router.get("/{snapshot_id}", **does(Action.SNAPSHOT_OWN))
async def get_snapshot(
    control: ControlDep, caller: CallerDep, snapshot_id: SnapshotId, response: Response
) -> SnapshotView:
    """One snapshot, with how far it is."""
    return tagged(response, await snapshots.get_snapshot(control, caller, snapshot_id))


@router.post("/{snapshot_id}/cancel", status_code=202, **does(Action.SNAPSHOT_OWN))
async def cancel_snapshot(
    control: ControlDep, caller: CallerDep, snapshot_id: SnapshotId
) -> SnapshotView:
    """End a snapshot that is under way; nothing of it stays."""
    return await snapshots.cancel_snapshot(control, caller, snapshot_id)


@router.get("/{snapshot_id}/events", **does(Action.SNAPSHOT_OWN))
async def list_events(
    control: ControlDep,
    caller: CallerDep,
    snapshot_id: SnapshotId,
    page: PageDep,
    after: Annotated[int, Query(ge=0, description="Only events with a greater id.")] = 0,
) -> Page[EventView]:
    """The history of a snapshot, oldest first."""
    await snapshots.get_snapshot(control, caller, snapshot_id)
    return await history_page(control, snapshot_id, after, page)
