"""What a start hands over at each step: the news for people, and how to undo what was done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from dsw.errors import DswError
from dsw.events import Phase, PhaseReport
from dsw.instances import Reason

MESSAGE_MAX = 4000

Undo = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Step:
    """One step of a start. A step without a phase only hands over its undo.

    `undo` is called, last step first, when any later step fails. `url` is set by the last step.
    """

    phase: Phase | None = None
    message: str = ""
    percent: float | None = None
    bytes_done: int | None = None
    bytes_total: int | None = None
    undo: Undo | None = None
    url: str = ""

    def report(self, attempt: int, phase: Phase) -> PhaseReport:
        """The step as control reads it."""
        return PhaseReport(
            attempt=attempt,
            phase=phase,
            message=self.message,
            percent=self.percent,
            bytes_done=self.bytes_done,
            bytes_total=self.bytes_total,
        )


_STATUS = {
    Reason.NEEDS_NEW_CONTAINER: 409,
    Reason.IMAGE_GONE: 409,
    Reason.NEVER_ANSWERED: 504,
}


class StartFailed(DswError):
    """A start ended for a reason that people can act on."""

    code = "start_failed"

    def __init__(self, reason: Reason, message: str, hint: str = "", log: str = "") -> None:
        super().__init__(message, hint)
        self.reason = reason
        self.log = log
        self.status = _STATUS.get(reason, 502)  # type: ignore[misc]

    @property
    def story(self) -> str:
        """The sentence, then the server's last log lines, cut to what a report carries."""
        if not self.log:
            return self.sentence[:MESSAGE_MAX]
        head = f"{self.sentence} Its last lines:\n"
        return head[:MESSAGE_MAX] + self.log[-max(MESSAGE_MAX - len(head), 1) :]
