"""How a call that waits for the other side is ended from another thread."""

from __future__ import annotations

import socket
import weakref
from contextlib import suppress
from typing import Any


class Interrupts:
    """The sockets of an HTTP client, learned by `trace`, an extension of its requests."""

    def __init__(self) -> None:
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()

    def trace(self, event: str, info: dict[str, Any]) -> None:
        """Note each connection when it is there."""
        if event.startswith("connection.") and event.endswith(".complete"):
            stream: Any = info.get("return_value")
            if hasattr(stream, "get_extra_info"):
                self._sockets.add(stream.get_extra_info("socket"))

    def interrupt(self) -> None:
        """End all connections; whoever waits for one gets an error."""
        for one in list(self._sockets):
            with suppress(OSError):
                # Not the method of a TLS socket, which is not made for two threads.
                socket.socket.shutdown(one, socket.SHUT_RDWR)
