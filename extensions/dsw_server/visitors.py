"""Who else than its owner may use this instance: control's answer, and how long it holds."""

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


class Visitors:
    """Asks control, for many requests at once only one time. `ask` gives control's JSON."""

    def __init__(
        self, ask: Callable[[], Awaitable[Any]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ask, self._clock = ask, clock
        self._access: dict[str, str] = {}
        self._at = float("-inf")
        self._lock = asyncio.Lock()

    async def access(self, name: str, within: float = FRESH) -> str | None:
        """`view`, `full` or None for somebody whom it is not shared with, as control said `within`
        so many seconds. `Unavailable` when that cannot be known."""
        async with self._lock:
            age = self._clock() - self._at
            if age >= within:
                await self._refresh(age)
        return self._access.get(name)

    async def _refresh(self, age: float) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                answer = (await self._ask()).get("access")
            self._access = dict(answer) if isinstance(answer, dict) else {}
        except (DswError, TimeoutError) as error:
            status = error.status if isinstance(error, DswError) else 503
            if status >= 500 and age < STALE:
                return
            self._access = {}
            if status >= 500:
                raise Unavailable(
                    "Control does not say whom this instance is shared with.", "Try again soon."
                ) from error
        self._at = self._clock()
