"""How the agent tells control what it does: JSON lines, at most five a second while it copies."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from typing import TextIO

from dsw.agent import AgentReport
from dsw.snapshots import SnapshotState

PERIOD = 0.2
WINDOW = 5.0
"""Seconds over which the rate is taken."""
_SOON = 1.0


class Reporter:
    """Writes `AgentReport` lines; state changes at once, progress no oftener than `PERIOD`."""

    def __init__(self, out: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = out
        self._clock = clock
        self._last = float("-inf")
        self._state: SnapshotState | None = None
        self._done = 0
        self._marks: deque[tuple[float, int]] = deque()

    def say(self, report: AgentReport) -> None:
        """Write a line now."""
        # ASCII, because the engine's log cuts long lines in pieces, also within a character.
        line = report.model_dump_json(exclude_defaults=True, ensure_ascii=True)
        self._out.write(line + "\n")
        self._out.flush()
        self._last, self._state = self._clock(), report.state

    def progress(
        self, state: SnapshotState, done: int, total: int, frozen_ms: int | None = None
    ) -> None:
        """Write how far it is, unless a line with the same state was written just before.

        `done` never goes back in what is told: a layer that is sent again was told before.
        """
        now = self._clock()
        self._done = done = min(max(done, self._done), total)
        if state is self._state and now - self._last < PERIOD:
            return
        rate = self._rate(now, done)
        left = math.ceil((total - done) / rate) if rate else None
        self.say(
            AgentReport(
                state=state,
                bytes_done=done,
                bytes_total=total,
                rate=rate,
                seconds_left=left,
                frozen_ms=frozen_ms,
            )
        )

    def _rate(self, now: float, done: int) -> int | None:
        """Bytes a second of the last seconds; None in the beginning."""
        self._marks.append((now, done))
        while len(self._marks) > 2 and now - self._marks[1][0] > WINDOW:
            self._marks.popleft()
        began, before = self._marks[0]
        return round((done - before) / (now - began)) if now - began >= _SOON else None
