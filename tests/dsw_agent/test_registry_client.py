"""Registries that lie, ask for a token, or are full."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from dsw.agent import AgentTarget
from dsw_agent.failures import SnapshotFailed
from dsw_agent.registry_client import Registry


class SmallRegistry(BaseHTTPRequestHandler):
    """A registry that takes one blob; the classes below misbehave each in its own way."""

    protocol_version = "HTTP/1.1"

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.answer(202, Location="/v2/x/blobs/uploads/1?state=s")

    def do_PATCH(self) -> None:
        self.answer(202, Location="/v2/x/blobs/uploads/1?state=t", Range=self.stored_range())

    def do_PUT(self) -> None:
        assert "state=t" in self.path
        digest = self.path.rpartition("digest=")[2].replace("%3A", ":")
        self.answer(201, Docker_Content_Digest=self.stored_digest(digest))

    def stored_range(self) -> str:
        return f"0-{self.headers['Content-Range'].rpartition('-')[2]}"

    def stored_digest(self, digest: str) -> str:
        return digest

    def log_message(self, *_: object) -> None: ...


class LosesBytes(SmallRegistry):
    def stored_range(self) -> str:
        return "0-3"


class StoresSomethingElse(SmallRegistry):
    def stored_digest(self, digest: str) -> str:
        return f"sha256:{'f' * 64}"


class IsFull(SmallRegistry):
    def do_PATCH(self) -> None:
        error = {"code": "UNKNOWN", "message": "unknown", "detail": "no space left on device"}
        self.answer(500, json.dumps({"errors": [error]}).encode())


class GivesNoAddress(SmallRegistry):
    def do_POST(self) -> None:
        self.answer(202)


class WantsToken(SmallRegistry):
    tokens: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        given = self.headers.get("Authorization", "").removeprefix("Basic ")
        assert base64.b64decode(given) == b"ann:right"
        assert "service=reg" in self.path
        self.tokens.append(self.path)
        self.answer(200, json.dumps({"token": "t1"}).encode())

    def do_POST(self) -> None:
        if self.headers.get("Authorization") == "Bearer t1":
            super().do_POST()
            return
        host = self.headers["Host"]
        realm = f'Bearer realm="http://{host}/token",service="reg",scope="repository:x:push,pull"'
        self.answer(401, WWW_Authenticate=realm)

    def do_PATCH(self) -> None:
        assert self.headers["Authorization"] == "Bearer t1"
        super().do_PATCH()


@contextmanager
def running(handler: type[SmallRegistry]) -> Iterator[Registry]:
    """The registry as a server on loopback, and a client of it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    host = f"127.0.0.1:{server.server_address[1]}"
    target = AgentTarget(kind="registry", tag="x", insecure=True, username="ann", password="right")
    registry = Registry(host, target)
    try:
        yield registry
    finally:
        registry.close()
        server.shutdown()
        thread.join()
        server.server_close()


def push(registry: Registry) -> str:
    """Send a blob in two chunks."""
    upload = registry.upload("x")
    upload.send([b"ab", b"cd"])
    upload.send([b"efgh"])
    return upload.finish()


def test_a_blob_in_two_chunks_has_the_digest_of_both() -> None:
    with running(SmallRegistry) as registry:
        assert push(registry).startswith("sha256:9c56cc51b374c3ba189210d5b6d4bf57790d351c96c47c02")


@pytest.mark.parametrize(
    ("handler", "reason", "words"),
    [
        (LosesBytes, "RegistryFailed", "0-3 of a blob where 0-7 were sent"),
        (StoresSomethingElse, "RegistryFailed", "stored sha256:ffff"),
        (IsFull, "DiskFull", "is full"),
        (GivesNoAddress, "RegistryFailed", "no address"),
    ],
)
def test_a_registry_that_misbehaves_is_told(
    handler: type[SmallRegistry], reason: str, words: str
) -> None:
    with running(handler) as registry, pytest.raises(SnapshotFailed, match=words) as caught:
        push(registry)
    assert caught.value.reason == reason


def test_a_token_is_fetched_once_where_the_registry_asks_for_it() -> None:
    WantsToken.tokens.clear()
    with running(WantsToken) as registry:
        push(registry)
        push(registry)
    assert len(WantsToken.tokens) == 1
