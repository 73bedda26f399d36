"""Server-sent events: what was written down first, then what happens, without a gap."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from fastapi.sse import ServerSentEvent

from dsw.events import EventView
from dsw_control.auth import Caller
from dsw_control.bus import Change
from dsw_control.context import Control
from dsw_control.history import events_of

Stream = AsyncIterator[ServerSentEvent]


async def history(control: Control, object_id: str, after: int) -> Sequence[EventView]:
    """The events of one object after an id."""
    async with control.db.read() as session:
        return await events_of(session, object_id, after)


async def object_stream(control: Control, caller: Caller, object_id: str, after: int) -> Stream:
    """All events of one object after an id, as long as the client listens and may."""
    # Listening starts before the history is read, so that nothing falls between the two.
    with control.bus.listen() as queue:
        last = after
        for view in await history(control, object_id, after):
            last = view.id
            yield _event(view.model_dump_json(), "event", view.id)
        while change := await queue.get():
            if change.object_id != object_id:
                continue
            if change.event == "gone":
                return
            if change.event == "event" and (change.event_id or 0) > last:
                yield _event(change.data, "event", change.event_id)


async def everything_stream(control: Control, caller: Caller) -> Stream:
    """Every change of an object that the caller may see, from now on."""
    with control.bus.listen() as queue:
        yield ServerSentEvent(comment="listening")
        while change := await queue.get():
            if change.event != "event" and _may_see(caller, change):
                yield _event(change.data, change.event, None)


def _may_see(caller: Caller, change: Change) -> bool:
    """As the lists do: one's own objects, and images that are everybody's."""
    return change.owner in (caller.name, None)


def _event(data: str, name: str, event_id: int | None) -> ServerSentEvent:
    return ServerSentEvent(
        raw_data=data, event=name, id=None if event_id is None else str(event_id)
    )
