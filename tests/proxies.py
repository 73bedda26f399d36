"""A relay in front of a real server, that holds requests or answers, cuts lines, and lies."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

from tests.polling import eventually

_CHUNK = 65536


class Proxy:
    """Listens on loopback as long as it is open. A request is known by the line it begins with and
    its headers, which its sender sends in one piece."""

    def __init__(self, upstream: str) -> None:
        host, _, port = upstream.partition(":")
        self._upstream = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._lines: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._free = threading.Event()
        self._free.set()
        self._pattern: re.Pattern[bytes] | None = None
        self._answers = False
        self._held = threading.Event()
        self._change: Callable[[bytes], bytes] | None = None
        threading.Thread(target=self._accept, daemon=True).start()

    def hold(self, pattern: bytes, answers: bool = False) -> None:
        """Let requests whose head has this pattern wait, or with `answers` what is answered to
        them."""
        self._held.clear()
        self._answers = answers
        self._free.clear()
        self._pattern = re.compile(pattern, re.DOTALL)

    def wait_until_held(self, timeout: float = 60) -> None:
        """Until one waits."""
        eventually(self._held.is_set, timeout)

    @property
    def holds(self) -> bool:
        """Whether one waits, or has waited."""
        return self._held.is_set()

    def release(self) -> None:
        """Hold no longer."""
        self._pattern = None
        self._free.set()

    def lie(self, change: Callable[[bytes], bytes] | None) -> None:
        """Change what is answered, piece by piece, whose length must stay; None: no longer."""
        self._change = change

    def cut(self) -> None:
        """End all connections; new ones may be made."""
        with self._lock:
            lines, self._lines = self._lines, set()
        for line in lines:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End it."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.release()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._upstream)
            except OSError:
                client.close()
                continue
            with self._lock:
                self._lines |= {client, server}
            waits = threading.Event()
            threading.Thread(
                target=self._relay, args=(client, server, self._requested, waits), daemon=True
            ).start()
            threading.Thread(
                target=self._relay, args=(server, client, self._answered, waits), daemon=True
            ).start()

    def _relay(
        self,
        source: socket.socket,
        target: socket.socket,
        seen: Callable[[bytes, threading.Event], bytes],
        waits: threading.Event,
    ) -> None:
        with suppress(OSError):
            while data := source.recv(_CHUNK):
                target.sendall(seen(data, waits))
        for line in (source, target):
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._lines -= {source}
        source.close()

    def _requested(self, data: bytes, waits: threading.Event) -> bytes:
        pattern = self._pattern
        if pattern is not None and pattern.match(data):
            if self._answers:
                waits.set()
            else:
                self._held.set()
                self._free.wait()
        return data

    def _answered(self, data: bytes, waits: threading.Event) -> bytes:
        if waits.is_set():
            self._held.set()
            self._free.wait()
            waits.clear()
        return self._change(data) if self._change else data
