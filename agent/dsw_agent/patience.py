"""How long the agent bears with a registry that is away, and how often it asks."""

from __future__ import annotations

import time
from collections.abc import Callable

from dsw_agent.failures import SnapshotFailed

_PERIOD = 0.1
_FIRST, _LONGEST = 0.25, 5.0
_REFUSALS = 5


class Away(Exception):
    """The other side did not answer, or asked to come back later; worth another try.

    `failure` is what it comes to when no try helps. `answered`: it did answer, with a failure of
    its own, which is not worth as many.
    """

    def __init__(self, failure: SnapshotFailed, answered: bool = False) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.answered = answered


class Patience:
    """Seconds to bear with failures in a row; `check` raises when there is no more point."""

    def __init__(
        self,
        limit: float,
        check: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.clock = clock
        self._limit = limit
        self._check = check
        self._sleep = sleep
        self.restored()

    def afresh(self) -> Patience:
        """As much again, for something else."""
        return Patience(self._limit, self._check, self.clock, self._sleep)

    def restored(self) -> None:
        """It works again."""
        self._since: float | None = None
        self._pause = _FIRST
        self._refusals = 0

    def wait(self, away: Away, began: float) -> None:
        """Wait before the next try, longer each time; the failure when there is none.

        `began` is when the try that failed began.
        """
        self._check()
        self._since = began if self._since is None else self._since
        self._refusals += away.answered
        until = self.clock() + self._pause
        if until - self._since > self._limit or self._refusals >= _REFUSALS:
            raise away.failure
        self._pause = min(2 * self._pause, _LONGEST)
        while (left := until - self.clock()) > 0:
            self._sleep(min(left, _PERIOD))
            self._check()
