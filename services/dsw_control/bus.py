"""Who listens for changes now: one queue a listener, dropped when it does not read."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from dsw.base import View

QUEUE = 1000


class Change(View):
    """One change: what kind of object, whose, and its view as JSON text.

    `visibility` is set for images, and for those that are gone.
    """

    event: str
    object_id: str
    owner: str | None
    workspace_id: str | None
    visibility: str | None = None
    data: str
    event_id: int | None = None


class Bus:
    """In-process publish and subscribe; what must not be lost is in the database."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[Change | None]] = set()

    def publish(self, change: Change) -> None:
        """Hand the change to every listener; one that is too far behind is cut off."""
        for queue in list(self._queues):
            try:
                queue.put_nowait(change)
            except asyncio.QueueFull:
                self._cut(queue)

    @contextmanager
    def listen(self) -> Iterator[asyncio.Queue[Change | None]]:
        """A queue of the changes from now on; `None` means that no more will come."""
        queue: asyncio.Queue[Change | None] = asyncio.Queue(QUEUE)
        self._queues.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)

    def close(self) -> None:
        """End all listeners, at shutdown."""
        for queue in list(self._queues):
            self._cut(queue)

    def _cut(self, queue: asyncio.Queue[Change | None]) -> None:
        self._queues.discard(queue)
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(None)
