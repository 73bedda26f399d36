"""Registries that misbehave, and token services, as small real HTTP servers on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = tuple[int, dict[str, str], bytes]


@dataclass
class Server:
    """A server that answers as it is told, and remembers what it was asked."""

    reply: Callable[[str, dict[str, str]], Reply]
    address: str = ""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def authorizations(self) -> set[str]:
        """What it was shown."""
        return {headers.get("authorization", "") for _, headers in self.asked}


@contextmanager
def served(reply: Callable[[str, dict[str, str]], Reply]) -> Iterator[Server]:
    """A server for the block. `reply` gets path and headers of a request."""
    server = Server(reply)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers = {key.lower(): value for key, value in self.headers.items()}
            server.asked.append((self.path, headers))
            status, sent, body = server.reply(self.path, headers)
            self.send_response(status)
            for key, value in {"Content-Length": str(len(body)), **sent}.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(body)

        do_DELETE = do_GET

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.address = f"127.0.0.1:{listening.server_port}"
    thread = threading.Thread(target=listening.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()


def says(body: bytes | Any, status: int = 200, **headers: str) -> Reply:
    """An answer; what is not bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return status, {key.replace("_", "-"): value for key, value in headers.items()}, content
