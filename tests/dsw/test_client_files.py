"""Files over the client: they go on half-way, and never as something else than they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import ClassVar

import pytest

from dsw.client import Client
from dsw.errors import RemoteError, Unavailable

CONTENT = bytes(range(256)) * 100


class File(BaseHTTPRequestHandler):
    """Serves a file from where it is asked for."""

    ranges: ClassVar[list[str | None]]

    def do_GET(self) -> None:
        """All of the file, or what is left of it."""
        asked = self.headers.get("range")
        self.ranges.append(asked)
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        self.answer(206 if asked else 200, CONTENT[start:])

    def answer(self, status: int, content: bytes) -> None:
        """Send this."""
        self.send_response(status)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class BreaksOff(File):
    """Sends a thousand bytes less than it said."""

    def answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[:-1000])


class BeginsAnew(File):
    """Sends the whole file, wherever one asked it to go on."""

    def answer(self, status: int, content: bytes) -> None:
        super().answer(200, CONTENT)


class Refuses(File):
    """Has a reason."""

    def answer(self, status: int, content: bytes) -> None:
        super().answer(409, b'{"code": "conflict", "detail": "It is not made yet."}')


@contextmanager
def serving(kind: type[File]) -> Iterator[Client]:
    """A client of such a server."""
    kind.ranges = []
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        with Client(f"http://127.0.0.1:{server.server_address[1]}", "token", timeout=5) as client:
            yield client
        server.shutdown()


def test_a_file_comes_whole_or_from_where_one_is() -> None:
    with serving(File) as client:
        assert b"".join(client.transfer_content("tr-a")) == CONTENT
        assert b"".join(client.transfer_content("tr-a", 1000)) == CONTENT[1000:]
    assert File.ranges == [None, "bytes=1000-"]


def append(found: bytearray, pieces: Iterator[bytes]) -> None:
    """Keep all that comes."""
    for piece in pieces:
        found += piece


def test_what_breaks_off_is_told_and_goes_on_there() -> None:
    found = bytearray()
    with serving(BreaksOff) as client:
        with pytest.raises(Unavailable):
            append(found, client.transfer_content("tr-a"))
        assert found == CONTENT[:-1000]
        with pytest.raises(Unavailable):
            append(found, client.transfer_content("tr-a", len(found)))
    assert BreaksOff.ranges == [None, f"bytes={len(CONTENT) - 1000}-"]
    assert CONTENT.startswith(found)


def test_a_server_that_begins_anew_does_not_spoil_the_file() -> None:
    with serving(BeginsAnew) as client, pytest.raises(Unavailable, match="half-way"):
        list(client.transfer_content("tr-a", 1000))


def test_a_refusal_is_the_servers_sentence() -> None:
    with serving(Refuses) as client, pytest.raises(RemoteError, match="It is not made yet"):
        list(client.transfer_content("tr-a"))
