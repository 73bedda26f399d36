"""Server-sent events: what was written down first, then what happens, without a gap."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastapi.sse import ServerSentEvent

from dsw.events import EventView
from dsw_control.api.schemas import Page
from dsw_control.auth import Caller
from dsw_control.bus import Change
from dsw_control.context import Control
from dsw_control.history import PAGE, events_of

Stream = AsyncIterator[ServerSentEvent]


async def history_page(control: Control, object_id: str, after: int) -> Page[EventView]:
    """The events of one object after an id, a page at a time."""
    async with control.db.read() as session:
        items = await events_of(session, object_id, after)
    return Page(items=items, next=str(items[-1].id) if len(items) == PAGE else None)


async def object_stream(control: Control, object_id: str, after: int) -> Stream:
    """All events of one object after an id, as long as the client listens."""
    # Listening starts before the history is read, so that nothing falls between the two.
    with control.bus.listen() as queue:
        last, more = after, True
        while more:
            page = await history_page(control, object_id, last)
            more = page.next is not None
            for view in page.items:
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
