"""The stream that the console listens to."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.sse import EventSourceResponse

from dsw_control.api.dependencies import CallerDep, ControlDep
from dsw_control.api.streams import Stream, everything_stream

router = APIRouter(prefix="/events", tags=["events"])


@router.get("/stream", response_class=EventSourceResponse)
async def stream_everything(control: ControlDep, caller: CallerDep) -> Stream:
    """Changes of your instances, snapshots and images: `instance`, `snapshot`, `image`, `gone`."""
    async for item in everything_stream(control, caller):
        yield item
