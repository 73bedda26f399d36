"""The stream that the console listens to."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from fastapi.sse import EventSourceResponse

from dsw_control.access import not_from_an_instance
from dsw_control.api.dependencies import CallerDep, ControlDep
from dsw_control.api.streams import Stream, everything_stream

router = APIRouter(prefix="/events", tags=["events"])


def require_user(caller: CallerDep) -> None:
    """An instance's own token sees that instance only, and has its history for that."""
    not_from_an_instance(caller)


@router.get("/stream", response_class=EventSourceResponse, dependencies=[Depends(require_user)])
async def stream_everything(control: ControlDep, caller: CallerDep) -> Stream:
    """Changes of your instances, snapshots and images: `instance`, `snapshot`, `image`, `gone`."""
    async for item in everything_stream(control, caller):
        yield item
