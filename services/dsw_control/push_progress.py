"""How far the image below a snapshot is on its way to the registry, shown as the snapshot's own."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

from dsw.snapshots import SnapshotState
from dsw_control.context import Control
from dsw_control.history import tell
from dsw_control.store.tables import Snapshot

PERIOD = 0.5
MESSAGE = "The image below goes to the registry first; this is needed once."


class PushProgress:
    """Writes down, every half second, what the engine told since."""

    def __init__(self, control: Control, snapshot_id: str) -> None:
        self._control = control
        self._snapshot_id = snapshot_id
        self._heard = self._told = (0, 0)

    def hear(self, done: int, total: int) -> None:
        """Bytes done and in all; called by the engine's thread."""
        self._heard = (done, total)

    async def run(self, push: Coroutine[None, None, str]) -> str:
        """What the push gives; nothing of its progress stays."""
        task = asyncio.ensure_future(push)
        try:
            while not (await asyncio.wait({task}, timeout=PERIOD))[0]:
                if self._heard != self._told:
                    await self._tell(*self._heard, MESSAGE)
                    self._told = self._heard
        finally:
            task.cancel()
        if self._told != (0, 0):
            await self._tell(0, None, "")
        return await task

    async def _tell(self, done: int, total: int | None, message: str) -> None:
        async with self._control.db.write() as session:
            row = await session.get(Snapshot, self._snapshot_id)
            if row is None or row.state != SnapshotState.PREPARING:
                return
            row.bytes_done, row.bytes_total, row.message = done, total, message
        tell(self._control, row)
