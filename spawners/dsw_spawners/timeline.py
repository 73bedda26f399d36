"""The steps of one start as the hub's progress page shows them, for any number of readers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from dsw.events import Phase
from dsw_spawners.steps import Step

REACHED = {
    Phase.ADMITTED: 10,
    Phase.IMAGE_PULLING: 10,
    Phase.IMAGE_PRESENT: 60,
    Phase.CONTAINER_CREATED: 65,
    Phase.CONTAINER_STARTED: 70,
    Phase.SERVER_ANSWERING: 95,
}


def percent_of_start(step: Step) -> int:
    """How far a start is, 0 to 100; pulling the image moves it from 10 to 60."""
    reached = REACHED.get(step.phase, 0) if step.phase else 0
    if step.phase is Phase.IMAGE_PULLING and step.percent is not None:
        return reached + int(step.percent / 2)
    return reached


class Timeline:
    """Grows while a start goes on; `end` lets its readers go."""

    def __init__(self) -> None:
        self._events: list[dict[str, Any]] = []
        self._ended = False
        self._changed = asyncio.Event()

    def add(self, step: Step) -> None:
        """Show a step."""
        self._events.append({"progress": percent_of_start(step), "message": step.message})
        self._wake()

    def end(self) -> None:
        """No more will come."""
        self._ended = True
        self._wake()

    async def read(self) -> AsyncIterator[dict[str, Any]]:
        """All events from the first one on, until the end."""
        shown = 0
        while True:
            changed = self._changed
            while shown < len(self._events):
                shown += 1
                yield self._events[shown - 1]
            if self._ended:
                return
            await changed.wait()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
