"""Who else than its owner may use this instance, and how far: control's word."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

from dsw_server.lately import FRESH, Lately


class Visitors:
    """Those whom control names. `ask` gives control's JSON."""

    def __init__(
        self, ask: Callable[[], Awaitable[Any]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._lately = Lately(ask, "access", clock)

    async def access(self, name: str, within: float = FRESH) -> str | None:
        """`view`, `full` or None for somebody whom it is not shared with, as control said `within`
        so many seconds. `Unavailable` when that cannot be known."""
        return (await self._lately.get(within)).get(name)
