"""The one supervised loop: a function that is run again and again, and never ends by an error."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger()


GAP = 0.05
"""Seconds from the end of a turn to the next at least: many who wake a loop cause one turn."""


async def every(
    period: float, fn: Callable[[], Awaitable[None]], wake: asyncio.Event | None = None
) -> None:
    """Run `fn` each `period` seconds, and at once when `wake` is set. An error is logged; the next
    turn comes anyway."""
    while True:
        try:
            await fn()
        except Exception:
            # Never its repr: that of a partial shows the arguments, and they hold secrets.
            plain = getattr(fn, "func", fn)
            log.exception("loop failed", loop=getattr(plain, "__qualname__", "loop"))
        if wake is None:
            await asyncio.sleep(period)
            continue
        ended = time.monotonic()
        try:
            async with asyncio.timeout(period):
                await wake.wait()
        except TimeoutError:
            pass
        await asyncio.sleep(ended + GAP - time.monotonic())
        wake.clear()
