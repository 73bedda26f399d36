"""Pulling an image, and what Docker's pull stream means: bytes done and in all."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import Executor
from typing import Any

from docker import APIClient

from dsw.errors import EngineFailed
from dsw.events import Phase
from dsw.units import format_size
from dsw_spawners.docker_errors import engine_errors, for_people
from dsw_spawners.steps import Step

EVERY = 0.3

_DONE = frozenset({"Download complete", "Pull complete"})


class PullProgress:
    """Sums the download of the layers. The total grows while the engine learns of more layers."""

    def __init__(self) -> None:
        self._done: dict[str, int] = {}
        self._total: dict[str, int] = {}
        self.error = ""

    def add(self, entry: Mapping[str, Any]) -> None:
        """Take one entry of the stream."""
        if entry.get("error"):
            self.error = str(entry["error"])
        layer, status = entry.get("id"), entry.get("status")
        if not layer:
            return
        detail = entry.get("progressDetail") or {}
        if status == "Downloading" and detail.get("total"):
            self._total[layer] = int(detail["total"])
            self._done[layer] = min(int(detail.get("current", 0)), self._total[layer])
        elif status in _DONE and layer in self._total:
            self._done[layer] = self._total[layer]

    @property
    def bytes_done(self) -> int:
        """Bytes downloaded."""
        return sum(self._done.values())

    @property
    def bytes_total(self) -> int:
        """Bytes of all layers whose size is known."""
        return sum(self._total.values())

    @property
    def percent(self) -> float | None:
        """0 to 100; None before any size is known."""
        return 100 * self.bytes_done / self.bytes_total if self.bytes_total else None

    def step(self, name: str) -> Step:
        """The news of now."""
        message = f"Pulling the image {name}"
        if self.percent is None:
            return Step(phase=Phase.IMAGE_PULLING, message=message)
        done, total = format_size(self.bytes_done), format_size(self.bytes_total)
        return Step(
            phase=Phase.IMAGE_PULLING,
            message=f"{message}: {done} of {total} ({self.percent:.0f} %)",
            percent=self.percent,
            bytes_done=self.bytes_done,
            bytes_total=self.bytes_total,
        )


async def pull(
    client: APIClient,
    executor: Executor,
    reference: str,
    name: str,
    credentials: dict[str, str] | None,
) -> AsyncIterator[Step]:
    """Pull the reference and say every 0.3 s how far it is. `EngineFailed` when it fails.

    Left early, it closes the stream, upon which the engine gives the pull up.
    """
    progress, given_up = PullProgress(), threading.Event()

    def work() -> None:
        with engine_errors(f"pulling {reference}"):
            for entry in client.pull(reference, stream=True, decode=True, auth_config=credentials):
                progress.add(entry)
                if given_up.is_set():
                    return

    done = asyncio.get_running_loop().run_in_executor(executor, work)
    try:
        shown: Step | None = None
        while shown is None or not done.done():
            step = progress.step(name)
            if step != shown:
                yield step
                shown = step
            await asyncio.wait([done], timeout=EVERY)
        await done
    finally:
        given_up.set()
    if progress.error:
        raise EngineFailed(f"{reference} cannot be pulled: {for_people(progress.error)}.")
    yield progress.step(name)
