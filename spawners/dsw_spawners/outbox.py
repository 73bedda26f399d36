"""Carries reports to control in their order, and never makes a start wait or fail."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable

from dsw.errors import DswError, Unavailable
from dsw.events import Phase, PhaseReport

Deliver = Callable[[str, PhaseReport], Awaitable[None]]

FIRST_WAIT = 0.2
LONGEST_WAIT = 10.0


class Outbox:
    """One queue per instance, drained while there is something in it.

    `deliver` raises `Unavailable` when trying again makes sense, any other `DswError` when not.
    A report that could not be delivered within `patience` seconds is dropped: by then control has
    read the truth from hub and engine.
    """

    def __init__(
        self,
        deliver: Deliver,
        log: logging.Logger,
        patience: float = 300.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._deliver = deliver
        self._log = log
        self._patience = patience
        self._sleep = sleep
        self._clock = clock
        self._queues: dict[str, deque[PhaseReport]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def put(self, instance_id: str, report: PhaseReport) -> None:
        """Take a report. Of several waiting pull figures in a row only the newest is kept."""
        queue = self._queues.setdefault(instance_id, deque())
        if queue and queue[-1].phase is Phase.IMAGE_PULLING is report.phase:
            queue.pop()
        queue.append(report)
        if instance_id not in self._tasks:
            self._tasks[instance_id] = asyncio.create_task(self._drain(instance_id))

    async def idle(self) -> None:
        """Wait until nothing is left to deliver."""
        while self._tasks:
            await asyncio.wait(list(self._tasks.values()))

    async def _drain(self, instance_id: str) -> None:
        queue = self._queues[instance_id]
        try:
            while queue:
                await self._insist(instance_id, queue.popleft())
        finally:
            del self._queues[instance_id], self._tasks[instance_id]

    async def _insist(self, instance_id: str, report: PhaseReport) -> None:
        deadline = self._clock() + self._patience
        wait = FIRST_WAIT
        while True:
            try:
                await self._deliver(instance_id, report)
                return
            except Unavailable as error:
                if self._clock() + wait > deadline:
                    self._log.warning("Report dropped: %s %s: %s", instance_id, report, error)
                    return
            except DswError as error:
                self._log.warning("Control refused %s of %s: %s", report, instance_id, error)
                return
            await self._sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT)
