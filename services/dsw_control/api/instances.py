"""Routes of instances and their snapshots and events."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Response
from fastapi.sse import EventSourceResponse

from dsw.events import EventView
from dsw.image_report import Forecast
from dsw.instances import (
    InstanceChange,
    InstanceCreate,
    InstanceStart,
    InstanceState,
    InstanceStop,
    InstanceView,
)
from dsw.names import id_pattern
from dsw.roles import Action
from dsw.snapshots import SnapshotAsk, SnapshotCreate, SnapshotView
from dsw_control import instance_ends, instances, snapshot_forecasts, snapshots
from dsw_control.api.conditions import IfMatch, tagged
from dsw_control.api.dependencies import CallerDep, ControlDep, OnceDep, PageDep, does
from dsw_control.api.schemas import Page
from dsw_control.api.streams import AskDep, Stream, history_page, object_stream
from dsw_control.instances import InstanceFilter

router = APIRouter(prefix="/instances", tags=["instances"])

InstanceId = Annotated[str, Path(pattern=id_pattern("dsw"))]
After = Annotated[int, Query(ge=0, description="Only events with a greater id.")]


async def get_filter(
    everybody: Annotated[
        bool, Query(alias="all", description="Those of others too, where you may see them.")
    ] = False,
    shared: Annotated[bool, Query(description="Those that others share with you.")] = False,
    state: InstanceState | None = None,
    workspace: Annotated[str | None, Query(max_length=80)] = None,
    owner: Annotated[str | None, Query(max_length=255)] = None,
    name: Annotated[str | None, Query(max_length=30)] = None,
) -> InstanceFilter:
    """Which instances are asked for."""
    return InstanceFilter(
        everybody=everybody,
        shared=shared,
        state=state,
        workspace=workspace,
        owner=owner,
        name=name,
    )


@router.get("", **does(Action.INSTANCE_USE_OWN))
async def list_instances(
    control: ControlDep,
    caller: CallerDep,
    wanted: Annotated[InstanceFilter, Depends(get_filter)],
    page: PageDep,
) -> Page[InstanceView]:
    """Your instances, newest first."""
    items, cursor = await instances.list_instances(control, caller, wanted, page)
    return Page(items=items, next=cursor)


@router.post("", status_code=201, **does(Action.INSTANCE_USE_OWN))
async def create_instance(
    control: ControlDep, caller: CallerDep, body: InstanceCreate, once: OnceDep
) -> InstanceView:
    """Create an instance and, unless `start` is false, start it."""
    return await instances.create_instance(control, caller, body, once)


@router.get("/{instance_id}", **does(Action.INSTANCE_USE_OWN))
async def get_instance(
    control: ControlDep, caller: CallerDep, instance_id: InstanceId, response: Response
) -> InstanceView:
    """One instance."""
    return tagged(response, await instances.get_instance(control, caller, instance_id))


@router.patch("/{instance_id}", **does(Action.INSTANCE_USE_OWN))
async def change_instance(
    control: ControlDep,
    caller: CallerDep,
    instance_id: InstanceId,
    body: InstanceChange,
    response: Response,
    if_match: IfMatch = None,
) -> InstanceView:
    """Change the display name, or the image or spec of a stopped instance."""
    view = await instances.change_instance(control, caller, instance_id, body, if_match)
    return tagged(response, view)


@router.delete("/{instance_id}", status_code=202, **does(Action.INSTANCE_USE_OWN))
async def delete_instance(
    control: ControlDep, caller: CallerDep, instance_id: InstanceId
) -> InstanceView:
    """Delete an instance with what was installed in it; `/mnt/workspace` stays."""
    return await instance_ends.delete_instance(control, caller, instance_id)


@router.post("/{instance_id}/start", status_code=202, **does(Action.INSTANCE_USE_OWN))
async def start_instance(
    control: ControlDep,
    caller: CallerDep,
    instance_id: InstanceId,
    body: InstanceStart | None = None,
) -> InstanceView:
    """Start a stopped or failed instance; while it is starting this changes nothing."""
    return await instances.start_instance(control, caller, instance_id, body)


@router.post("/{instance_id}/stop", status_code=202, **does(Action.INSTANCE_USE_OWN))
async def stop_instance(
    control: ControlDep,
    caller: CallerDep,
    instance_id: InstanceId,
    body: InstanceStop | None = None,
) -> InstanceView:
    """Stop an instance; its container and what was installed in it stay."""
    return await instance_ends.stop_instance(control, caller, instance_id, body)


async def require_visible(control: ControlDep, caller: CallerDep, instance_id: InstanceId) -> None:
    """`NotFound` before a stream begins: once it has, there is no status to send."""
    await instances.require_history(control, caller, instance_id)


@router.get("/{instance_id}/events", **does(Action.INSTANCE_USE_OWN, require_visible))
async def list_events(
    control: ControlDep, instance_id: InstanceId, page: PageDep, after: After = 0
) -> Page[EventView]:
    """The history of an instance, oldest first."""
    return await history_page(control, instance_id, after, page)


@router.get(
    "/{instance_id}/events/stream",
    response_class=EventSourceResponse,
    **does(Action.INSTANCE_USE_OWN, require_visible),
)
async def stream_events(
    control: ControlDep,
    instance_id: InstanceId,
    ask: AskDep,
    last_event_id: Annotated[int, Header(ge=0)] = 0,
) -> Stream:
    """The history from `Last-Event-ID` on and then live, as server-sent events named `event`."""
    look = instances.require_history
    async for item in object_stream(control, instance_id, last_event_id, ask, look):
        yield item


@router.post("/{instance_id}/snapshots/forecast", **does(Action.SNAPSHOT_OWN))
async def forecast_snapshot(
    control: ControlDep, caller: CallerDep, instance_id: InstanceId, body: SnapshotAsk
) -> Forecast:
    """What saving the instance would ship now, and what would be left out; nothing is saved."""
    return await snapshot_forecasts.forecast(control, caller, instance_id, body)


@router.post("/{instance_id}/snapshots", status_code=202, **does(Action.SNAPSHOT_OWN))
async def create_snapshot(
    control: ControlDep,
    caller: CallerDep,
    instance_id: InstanceId,
    body: SnapshotCreate,
    once: OnceDep,
) -> SnapshotView:
    """Save the instance as a new image of the catalog."""
    return await snapshots.create_snapshot(control, caller, instance_id, body, once)
