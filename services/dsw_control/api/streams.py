"""Server-sent events: what was written down first, then what happens, without a gap, to those who
may still see it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Annotated

from fastapi import Depends, Request
from fastapi.sse import ServerSentEvent

from dsw.errors import DswError, Unavailable
from dsw.events import EventView
from dsw_control.access import Sight, sight_of
from dsw_control.api.dependencies import ControlDep, get_caller
from dsw_control.api.schemas import Page
from dsw_control.auth import Caller
from dsw_control.bus import Change
from dsw_control.context import Control
from dsw_control.history import events_of
from dsw_control.store.paging import PageRequest

Stream = AsyncIterator[ServerSentEvent]
Ask = Callable[[], Awaitable[Caller]]
Look = Callable[[Control, Caller, str], Awaitable[object]]

RECHECK = 1.5
"""Seconds for which what a listener may see is taken as it was."""


async def get_ask(request: Request, control: ControlDep) -> Ask:
    """A way to ask again, later in a stream, who the request speaks for."""
    return partial(get_caller, request, control)


AskDep = Annotated[Ask, Depends(get_ask)]


class Listener:
    """Who listens. The hub is asked again only when there is something to send."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._caller: Caller | None = None
        self._asked = 0.0

    async def caller(self) -> Caller:
        """The caller as of now; `NotAuthenticated` once the hub knows the token no more."""
        moment = time.monotonic()
        if self._caller is None:
            self._caller, self._asked = await self._ask(), moment
        elif moment - self._asked > RECHECK:
            # A hub that is being restarted ends nobody's session.
            with suppress(Unavailable):
                self._caller = await self._ask()
            self._asked = moment
        return self._caller


async def history_page(
    control: Control, object_id: str, after: int, page: PageRequest
) -> Page[EventView]:
    """The events of one object after an id, a page at a time."""
    async with control.db.read() as session:
        items, cursor = await events_of(session, object_id, after, page)
    return Page(items=items, next=cursor)


async def object_stream(
    control: Control, object_id: str, after: int, ask: Ask, look: Look
) -> Stream:
    """All events of one object after an id, as long as the client listens and `look` lets it."""
    listener, looked = Listener(ask), 0.0
    # Listening starts before the history is read, so that nothing falls between the two.
    with control.bus.listen() as queue, suppress(DswError):
        await listener.caller()
        last, more = after, True
        while more:
            page = await history_page(control, object_id, last, PageRequest())
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
                if time.monotonic() - looked > RECHECK:
                    await look(control, await listener.caller(), object_id)
                    looked = time.monotonic()
                yield _event(change.data, "event", change.event_id)


async def everything_stream(control: Control, ask: Ask, everybody: bool) -> Stream:
    """Every change of an object that the caller may see, from now on."""
    listener = Listener(ask)
    window = Window(control, listener, everybody)
    with control.bus.listen() as queue, suppress(DswError):
        await listener.caller()
        yield ServerSentEvent(comment="listening")
        while change := await queue.get():
            if change.event != "event" and await window.shows(change):
                yield _event(change.data, change.event, None)


class Window:
    """What one listener may see, looked up again when it is older than `RECHECK`."""

    def __init__(self, control: Control, listener: Listener, everybody: bool) -> None:
        self._control = control
        self._listener = listener
        self._everybody = everybody
        self._caller: Caller | None = None
        self._sight: Sight | None = None
        self._looked = 0.0

    async def shows(self, change: Change) -> bool:
        """Whether the listener may see this change now."""
        # The database first: most changes are another's, and the hub need not be asked for these.
        if not _may_see(await self._now(self._caller), change):
            return False
        caller = await self._listener.caller()
        return caller == self._caller or _may_see(await self._now(caller), change)

    async def _now(self, caller: Caller | None) -> Sight:
        stale = time.monotonic() - self._looked > RECHECK
        if self._sight is None or stale or caller != self._caller:
            self._caller = caller or await self._listener.caller()
            async with self._control.db.read() as session:
                self._sight = await sight_of(session, self._caller, self._everybody)
            self._looked = time.monotonic()
        return self._sight


def _may_see(sight: Sight, change: Change) -> bool:
    if change.visibility is not None:
        return sight.image(change.owner, change.workspace_id, change.visibility)
    return sight.instance(change.owner, change.workspace_id)


def _event(data: str, name: str, event_id: int | None) -> ServerSentEvent:
    return ServerSentEvent(
        raw_data=data, event=name, id=None if event_id is None else str(event_id)
    )
