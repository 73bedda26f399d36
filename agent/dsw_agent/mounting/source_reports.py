"""How a source tells what it is: a line at each change and every five seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

from dsw.node_mounts import SourceReport, SourceState
from dsw_agent.mounting.refusals import MountRefused

PERIOD = 5.0


class SourceReporter:
    """Writes `SourceReport` lines."""

    def __init__(self, out: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = out
        self._clock = clock
        self._last: SourceReport | None = None
        self._at = float("-inf")

    def say(self, report: SourceReport) -> None:
        """Write a line, unless only figures have changed since one that is not old."""
        if self._told(report) and self._clock() - self._at < PERIOD:
            return
        # ASCII, because the engine's log cuts long lines in pieces, also within a character.
        line = report.model_dump_json(exclude_defaults=True, ensure_ascii=True)
        self._out.write(line + "\n")
        self._out.flush()
        self._last, self._at = report, self._clock()

    def fail(self, error: MountRefused) -> None:
        """The last line of a source that cannot be."""
        self.say(
            SourceReport(state=SourceState.FAILED, reason=error.reason, message=error.sentence)
        )

    def _told(self, report: SourceReport) -> bool:
        return self._last is not None and _essence(self._last) == _essence(report)


def _essence(report: SourceReport) -> tuple[object, ...]:
    percent = None if report.percent is None else int(report.percent)
    return report.state, report.reason, report.message, report.commit, percent
