"""How many forecasts of snapshots are made at once, and of which instances."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dsw.errors import Conflict, Unavailable

AT_ONCE = 2
PATIENCE = 30.0
"""Seconds that one waits for its turn."""

_PREFIX = "forecast-"


class Forecasts:
    """One forecast of an instance at a time, few in all: each reads the instance's files."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(AT_ONCE)
        self._busy: set[str] = set()

    @asynccontextmanager
    async def turn(self, instance_id: str) -> AsyncIterator[str]:
        """The helper's id, for as long as the forecast takes."""
        if instance_id in self._busy:
            raise Conflict(
                "A forecast of this instance is being made already.", "Ask again in a moment."
            )
        self._busy.add(instance_id)
        try:
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._free.acquire()
            except TimeoutError as error:
                raise Unavailable(
                    "Too many forecasts are being made now.", "Save without it, or try again later."
                ) from error
            try:
                yield f"{_PREFIX}{instance_id}"
            finally:
                self._free.release()
        finally:
            self._busy.discard(instance_id)

    def is_left(self, helper_id: str) -> bool:
        """Whether this is the helper of a forecast that nobody waits for."""
        instance_id = helper_id.removeprefix(_PREFIX)
        return helper_id.startswith(_PREFIX) and instance_id not in self._busy
