"""One SSH connection inside an instance: an sshd, whose it is, and the key that it accepted."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import time
from collections.abc import Collection
from contextlib import suppress
from logging import Logger, LoggerAdapter
from socket import SHUT_RDWR
from typing import Any

from dsw_server.ssh_daemon import Started

READ_BYTES = 256 * 1024
GRACE = 5.0
"""Seconds that sshd has to see that its client is gone."""

CUT_GRACE = 1.0
"""Seconds that it has to clear up behind a session that is ended."""

_ACCEPTED = re.compile(r"Accepted publickey for \S+ from .* ssh2: \S+ (SHA256:[A-Za-z0-9+/]{43})")


class Session:
    """What goes in and out of one sshd. `keys` are the fingerprints of those it may accept.

    It needs `attend` to be run beside it; when that is over, nothing of the session is left.
    """

    def __init__(self, user: str, keys: Collection[str], started: Started, log: Any) -> None:
        self.user = user
        self.farewell = ""
        self.began = time.monotonic()
        self._keys = frozenset(keys)
        self._accepted: str | None = None
        self._process = started.process
        self._connection = started.connection
        self._folder = started.folder
        self._log: Logger | LoggerAdapter[Any] = log
        self._timer: asyncio.TimerHandle | None = None

    def may_stay(self, keys: Collection[str]) -> bool:
        """Whether these fingerprints, the user's own now, hold the accepted one. While that is not
        known, all must be there with which the user came."""
        needed = {self._accepted} if self._accepted else self._keys
        return needed <= set(keys)

    async def read(self) -> bytes:
        """What sshd sends next; nothing at its end."""
        with suppress(OSError):
            return await asyncio.get_running_loop().sock_recv(self._connection, READ_BYTES)
        return b""

    async def write(self, data: bytes) -> None:
        """Give to sshd; returns when it has all, so that who sends it waits as long."""
        # An sshd that has ended says so where it is read from.
        with suppress(OSError):
            await asyncio.get_running_loop().sock_sendall(self._connection, data)

    def hang_up(self) -> None:
        """The client is gone: sshd sees the end of its input, and is ended when it does not go."""
        with suppress(OSError):
            self._connection.shutdown(SHUT_RDWR)
        self._kill_in(GRACE)

    def cut(self, farewell: str) -> None:
        """End it now, and let its client know why."""
        self.farewell = self.farewell or farewell
        self._signal(signal.SIGTERM)
        self._kill_in(CUT_GRACE)

    async def attend(self) -> None:
        """Until sshd has ended, follow what it says; then clear up."""
        try:
            await self._follow()
            await self._process.wait()
        finally:
            self._signal(signal.SIGKILL)
            if self._timer is not None:
                self._timer.cancel()
            self._clear_folder()

    def close(self) -> None:
        """Give the connection back, once nobody reads or writes any more."""
        self._connection.close()

    async def _follow(self) -> None:
        output = self._process.stderr
        while output is not None:
            try:
                line = await output.readline()
            except ValueError:
                # Longer than the reader's limit, which has dropped it.
                continue
            if not line:
                return
            self._hear(line.decode("utf-8", "replace").strip())

    def _hear(self, line: str) -> None:
        accepted = _ACCEPTED.fullmatch(line)
        if accepted and self._accepted is None:
            self._accepted = accepted[1]
            self._log.info("SSH: %s came in with key %s", self.user, self._accepted)
            self._clear_folder()
        else:
            self._log.debug("SSH of %s: %s", self.user, line)

    def _clear_folder(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _kill_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(seconds, self._signal, signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        # Its own group, until it is waited for; the shells it started are in groups of their own.
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
