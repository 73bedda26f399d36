"""What control has said lately: asked again when it is old, and trusted a while when control is
away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from dsw.errors import DswError, Unavailable

FRESH = 3.0
"""Seconds for which an answer is not asked again."""

STALE = 15.0
"""Seconds for which an answer holds while control does not answer: it may be restarting."""

PATIENCE = 5.0
"""Seconds that control may take."""


class Lately:
    """Asks control, for many at once only one time. `ask` gives control's JSON, of which the object
    `part` is kept: empty when control refuses. It holds `stale` seconds without control."""

    def __init__(
        self,
        ask: Callable[[], Awaitable[Any]],
        part: str,
        clock: Callable[[], float] = time.monotonic,
        stale: float = STALE,
    ) -> None:
        self._ask, self._part, self._clock, self._stale = ask, part, clock, stale
        self._answer: dict[str, Any] = {}
        self._at = float("-inf")
        self._lock = asyncio.Lock()

    async def get(self, within: float = FRESH) -> dict[str, Any]:
        """The answer, as control gave it `within` so many seconds. `Unavailable` when that cannot
        be known."""
        async with self._lock:
            age = self._clock() - self._at
            if age >= within:
                await self._refresh(age)
        return self._answer

    async def _refresh(self, age: float) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                answer = (await self._ask()).get(self._part)
            self._answer = dict(answer) if isinstance(answer, dict) else {}
        except (DswError, TimeoutError) as error:
            status = error.status if isinstance(error, DswError) else 503
            if status >= 500 and age < self._stale:
                return
            self._answer = {}
            if status >= 500:
                raise Unavailable(
                    "Control does not say who may use this instance.", "Try again soon."
                ) from error
        self._at = self._clock()
