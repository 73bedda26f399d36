"""The stream that the console listens to."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.sse import EventSourceResponse

from dsw.roles import Action
from dsw_control.access import not_from_an_instance
from dsw_control.api.dependencies import CallerDep, ControlDep, does
from dsw_control.api.streams import Ask, AskDep, Stream, everything_stream

router = APIRouter(prefix="/events", tags=["events"])


async def get_user_ask(caller: CallerDep, ask: AskDep) -> Ask:
    """An instance's own token sees that instance only, and has its history for that."""
    not_from_an_instance(caller)
    return ask


@router.get("/stream", response_class=EventSourceResponse, **does(Action.ME_READ))
async def stream_everything(
    control: ControlDep,
    ask: Annotated[Ask, Depends(get_user_ask)],
    everybody: Annotated[
        bool, Query(alias="all", description="Those of others too, where you may see them.")
    ] = False,
) -> Stream:
    """Changes of instances, snapshots and images: `instance`, `snapshot`, `image`, `gone`."""
    async for item in everything_stream(control, ask, everybody):
        yield item
