"""A road to control on which connections break."""

from __future__ import annotations

import socket
import socketserver
from contextlib import suppress
from threading import Thread
from urllib.parse import urlsplit


class BreakingRoad(socketserver.ThreadingTCPServer):
    """Passes bytes on to control; as many connections break as there are numbers in `breaks`, each
    after so many bytes one way."""

    def __init__(self, url: str, breaks: list[int]) -> None:
        super().__init__(("127.0.0.1", 0), PassesOn)
        target = urlsplit(url)
        assert target.hostname is not None
        assert target.port is not None
        self.to = (target.hostname, target.port)
        self.breaks = breaks
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class PassesOn(socketserver.BaseRequestHandler):
    """One connection."""

    server: BreakingRoad

    def handle(self) -> None:
        """Both ways, until one of them ends."""
        with socket.create_connection(self.server.to) as far:
            back = Thread(target=self._pass_on, args=(far, self.request))
            back.start()
            self._pass_on(self.request, far)
            back.join()

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        passed = 0
        with suppress(OSError):
            while piece := one.recv(65536):
                other.sendall(piece)
                passed += len(piece)
                if self.server.breaks and passed > self.server.breaks[0]:
                    self.server.breaks.pop(0)
                    break
        for each in (one, other):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
