"""A client that costs little beside what it measures: HTTP/1.1 on connections that stay open."""

from __future__ import annotations

import asyncio
import json
import time
from types import TracebackType
from typing import Any, NamedTuple


class Answer(NamedTuple):
    """What came back: the status, the JSON, and seconds from the request's first byte to its
    answer's last."""

    status: int
    content: Any
    seconds: float


class Client:
    """One connection to a server on loopback. One request at a time."""

    def __init__(self, port: int, prefix: str) -> None:
        self._port = port
        self._prefix = prefix

    async def __aenter__(self) -> Client:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    async def send(self, user: str, method: str, path: str, body: Any = None) -> Answer:
        """The answer to a user's request."""
        content = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} {self._prefix}{path} HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer user-{user}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(content)}\r\n\r\n"
        )
        began = time.perf_counter()
        self._writer.write(head.encode() + content)
        status, answer = await self._read()
        seconds = time.perf_counter() - began
        return Answer(status, json.loads(answer) if answer else None, seconds)

    async def _read(self) -> tuple[int, bytes]:
        head = await self._reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {
            key.lower(): value for key, _, value in (line.partition(": ") for line in lines[1:])
        }
        length = int(headers.get("content-length", 0))
        return int(lines[0].split()[1]), await self._reader.readexactly(length)
