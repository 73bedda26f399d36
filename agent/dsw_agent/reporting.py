"""How the agent tells control what it does: JSON lines, at most five a second while it copies."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

from dsw.agent import AgentReport
from dsw.snapshots import SnapshotState

PERIOD = 0.2


class Reporter:
    """Writes `AgentReport` lines; state changes at once, progress no oftener than `PERIOD`."""

    def __init__(self, out: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = out
        self._clock = clock
        self._last = float("-inf")
        self._state: SnapshotState | None = None

    def say(self, report: AgentReport) -> None:
        """Write a line now."""
        # ASCII, because the engine's log cuts long lines in pieces, also within a character.
        line = report.model_dump_json(exclude_defaults=True, ensure_ascii=True)
        self._out.write(line + "\n")
        self._out.flush()
        self._last, self._state = self._clock(), report.state

    def progress(self, state: SnapshotState, done: int, total: int) -> None:
        """Write how far it is, unless a line with the same state was written just before."""
        if state is not self._state or self._clock() - self._last >= PERIOD:
            self.say(AgentReport(state=state, bytes_done=done, bytes_total=total))
