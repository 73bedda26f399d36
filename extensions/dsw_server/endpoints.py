"""Tells control which apps this instance has and which ports are open, whenever that changes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from dsw.errors import DswError, NotFound
from dsw_server.apps_process import AppProcess
from dsw_server.control import Control
from dsw_server.ports import Ports

PERIOD = 3.0
"""Seconds between two looks, and at least between two reports."""

APPS_MAX = 100


class Reporter:
    """Looks, and reports what is news; what control did not take is told at the next look."""

    def __init__(
        self, control: Control, processes: Sequence[AppProcess], ports: Ports, log: Any
    ) -> None:
        self._control, self._processes, self._ports, self._log = control, processes, ports, log
        self._task: asyncio.Task[None] | None = None
        self._told: dict[str, Any] | None = None
        self._refused = ""

    def start(self) -> None:
        """Begin, a moment after the server answers: its start has better use for the CPU."""
        self._task = asyncio.create_task(self._run())

    def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()

    def look(self) -> dict[str, Any]:
        """Endpoints, as control takes them. Blocking, for some milliseconds."""
        apps = [process.app for process in self._processes if process.app.is_there()]
        sessions = {process.pid for process in self._processes if process.pid}
        return {
            "apps": [
                {"name": app.name, "title": app.title, "path": app.link} for app in apps[:APPS_MAX]
            ],
            "ports": [asdict(port) for port in self._ports.look(sessions)],
        }

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(PERIOD)
            try:
                await self._turn()
            except NotFound:
                # This server is no instance of a workbench.
                return
            except Exception as error:
                self._complain(error)

    async def _turn(self) -> None:
        found = await asyncio.to_thread(self.look)
        if found != self._told:
            await self._control.tell_endpoints(found)
            self._told, self._refused = found, ""

    def _complain(self, error: Exception) -> None:
        """Once for each reason: it goes on every few seconds."""
        said = error.sentence if isinstance(error, DswError) else repr(error)
        if said != self._refused:
            self._log.warning("What is open here could not be told to control: %s", said)
        self._refused = said
