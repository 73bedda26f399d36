"""A registry of one blob in memory, to be made misbehave; it goes on in the middle of a chunk."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from dsw.agent import AgentTarget
from dsw_agent.patience import Patience
from dsw_agent.registry_client import Registry
from dsw_agent.registry_upload import Upload


class SmallRegistry(BaseHTTPRequestHandler):
    """Well-behaved. What it got and was asked is kept with the class that a test makes of it."""

    protocol_version = "HTTP/1.1"
    stored: ClassVar[bytearray]
    asked: ClassVar[list[str]]

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def parse_request(self) -> bool:
        parsed = super().parse_request()
        if parsed:
            self.asked.append(f"{self.command} {self.path.partition('?')[0]}")
        return parsed

    def location(self) -> str:
        return f"/v2/x/blobs/uploads/1?state={len(self.stored)}"

    def do_POST(self) -> None:
        self.stored.clear()
        self.answer(202, Location=self.location())

    def do_PATCH(self) -> None:
        start = int(self.headers["Content-Range"].partition("-")[0])
        body = self.body()
        assert start == len(self.stored)
        self.stored.extend(body)
        self.answer(202, Location=self.location(), Range=self.stored_range())

    def do_GET(self) -> None:
        self.answer(204, Location=self.location(), Range=self.stored_range())

    def do_HEAD(self) -> None:
        self.answer(404)

    def do_PUT(self) -> None:
        assert self.path.startswith(self.location())
        digest = self.path.rpartition("digest=")[2].replace("%3A", ":")
        self.answer(201, Docker_Content_Digest=self.stored_digest(digest))

    def do_DELETE(self) -> None:
        self.answer(204)

    def stored_range(self) -> str:
        return f"0-{max(0, len(self.stored) - 1)}"

    def stored_digest(self, digest: str) -> str:
        return digest

    def log_message(self, *_: object) -> None: ...


@contextmanager
def serving(handler: type[SmallRegistry]) -> Iterator[tuple[str, type[SmallRegistry]]]:
    """A server on loopback, and the class of its requests."""
    kind: Any = type(handler.__name__, (handler,), {"stored": bytearray(), "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}", kind
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def a_client(host: str, limit: float = 30, **changes: Any) -> Iterator[Registry]:
    """A client with as much patience in seconds."""
    values = {"kind": "registry", "tag": "x", "insecure": True}
    registry = Registry(host, AgentTarget.model_validate(values | changes), Patience(limit))
    try:
        yield registry
    finally:
        registry.close()


def push(registry: Registry, *chunks: bytes) -> None:
    """Send a blob; its digest is not looked at here."""
    upload = Upload(registry, "x", registry.patience)
    for chunk in chunks or (b"abcd", b"efgh"):
        upload.send([chunk[:2], chunk[2:]])
    upload.finish(f"sha256:{'9' * 64}")
