"""The life of one app's program: started at its first use, looked after, ended with the server."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

import aiohttp

from dsw_server.apps import App

TAIL = 2000
"""Characters of its last output that people are shown."""

LOOK_EVERY = 0.1
STOP_SECONDS = 5.0


class AppFailed(Exception):
    """A sentence for people, with the end of the program's output."""


class AppProcess:
    """The program of one app. It listens on `port`, or on the unix socket `socket`, while it runs;
    each start has new ones."""

    def __init__(self, app: App, base_url: str, log: Any) -> None:
        self.app = app
        self.port = 0
        self.socket: str | None = None
        self._base_url, self._log = base_url, log
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._starting: asyncio.Task[None] | None = None
        self._output = b""

    @property
    def is_running(self) -> bool:
        """Whether there is a process; not whether it answers."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int | None:
        """Of the process, which is also the session of all that it starts; None without one."""
        return self._process.pid if self._process is not None else None

    @property
    def tail(self) -> str:
        """The end of what it has printed."""
        return self._output.decode(errors="replace").strip()[-TAIL:]

    async def ensure(self) -> None:
        """Return when it answers, however many ask at once; `AppFailed` when it does not."""
        if self.is_running and self._starting is None:
            return
        if self._starting is None:
            self._starting = asyncio.create_task(self._start())
            self._starting.add_done_callback(self._started)
        # Who asked first may go away; the others still wait for it.
        await asyncio.shield(self._starting)

    def _started(self, task: asyncio.Task[None]) -> None:
        self._starting = None
        if not task.cancelled():
            task.exception()

    async def stop(self) -> None:
        """End it with all that it started: SIGTERM, and SIGKILL after five seconds."""
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait([self._starting])
        await self._end()

    async def _end(self) -> None:
        if self._process is not None:
            self._signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), STOP_SECONDS)
            self._signal(signal.SIGKILL)
            await self._process.wait()
        if self._reading is not None:
            self._reading.cancel()
        self._process = None
        self._leave_address()

    async def _start(self) -> None:
        title = self.app.title
        if not self.app.is_there():
            raise AppFailed(
                f"{title} is not installed in this instance: there is no program "
                f"{self.app.command[0]!r}. Install it, then open this page again."
            )
        # What an earlier start may have left.
        await self._end()
        self._log.info("Starting the app %s", self.app.name)
        try:
            self._take_address()
            await self._launch()
            async with asyncio.timeout(self.app.timeout):
                await self._answering()
        except TimeoutError:
            await self._end()
            raise AppFailed(
                f"{title} did not answer within {self.app.timeout} seconds and was ended."
                f"{self._told()}"
            ) from None
        except (OSError, ValueError, LookupError) as error:
            raise AppFailed(f"{title} cannot be started: {error}.") from error

    async def _launch(self) -> None:
        app = self.app
        values = {
            "port": self.port,
            "unix_socket": self.socket or "",
            "base_url": self._base_url,
        }
        added = {name: text.format(**values) for name, text in app.environment.items()}
        self._output = b""
        self._process = await asyncio.create_subprocess_exec(
            *(text.format(**values) for text in app.command),
            env={**os.environ, **added},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        self._reading = asyncio.create_task(self._read(self._process))

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        """Keep the end of its output, and pass all of it on to the server's log."""
        assert process.stdout is not None  # noqa: S101  it was asked for
        while chunk := await process.stdout.read(65_536):
            self._output = (self._output + chunk)[-4 * TAIL :]
            sys.stderr.write(chunk.decode(errors="replace"))
            sys.stderr.flush()

    async def _answering(self) -> None:
        """Any answer will do: an error page is the app's own."""
        assert self._process is not None  # noqa: S101
        while True:
            if self._process.returncode is not None:
                if self._reading is not None:
                    await asyncio.wait([self._reading], timeout=1)
                code = self._process.returncode
                raise AppFailed(
                    f"{self.app.title} ended with exit code {code} before it answered."
                    f"{self._told()}"
                )
            if await self._answers():
                return
            await asyncio.sleep(LOOK_EVERY)

    async def _answers(self) -> bool:
        connector = aiohttp.UnixConnector(self.socket) if self.socket else None
        timeout = aiohttp.ClientTimeout(total=5)
        url = f"http://localhost:{self.port}/" if self.port else "http://localhost/"
        try:
            async with (
                aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
                session.get(url, allow_redirects=False),
            ):
                return True
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    def _told(self) -> str:
        return f" The end of its output:\n{self.tail}" if self.tail else " It printed nothing."

    def _take_address(self) -> None:
        if self.app.unix_socket:
            self.socket = str(Path(tempfile.mkdtemp(prefix="dsw-app-")) / "socket")
            return
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    def _leave_address(self) -> None:
        if self.socket:
            shutil.rmtree(Path(self.socket).parent, ignore_errors=True)
        self.port, self.socket = 0, None

    def _signal(self, number: int) -> None:
        if self._process is not None:
            # Its group may live on when it has ended itself.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)
