"""A server's end of one websocket: pieces of a stream in both directions, and its orderly end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from tornado.iostream import IOStream, StreamClosedError

from dsw_server.ssh_frames import (
    BINARY,
    CLOSE,
    NORMAL,
    PING,
    PONG,
    Broken,
    Frames,
    closing,
    frame,
)

READ_BYTES = 256 * 1024
PING_SECONDS = 25.0
"""Often enough for whatever stands between to see that the connection lives."""


class Websocket:
    """Over a stream that tornado has handed over after the handshake.

    No pong is waited for: a client that is suspended is not gone, and sshd itself ends one that is.
    """

    def __init__(self, stream: IOStream, on_gone: Callable[[], None]) -> None:
        self._stream = stream
        self._frames = Frames()
        self._is_leaving = False
        self._ping: bytes | None = None
        self._answering: asyncio.Task[None] | None = None
        stream.set_nodelay(True)
        # Also seen while nothing is read.
        stream.set_close_callback(on_gone)

    async def pieces(self) -> AsyncIterator[bytes]:
        """What the client sends, until it leaves or breaks off. Nothing is read before the piece
        before it is dealt with."""
        buffer = bytearray(READ_BYTES)
        with suppress(StreamClosedError):
            while True:
                size = await self._stream.read_into(buffer, partial=True)
                pieces: list[bytes] = []
                stays = self._sort(memoryview(buffer)[:size], pieces)
                if pieces:
                    yield pieces[0] if len(pieces) == 1 else b"".join(pieces)
                if not stays:
                    return

    def _sort(self, data: memoryview, pieces: list[bytes]) -> bool:
        """Whether the client stays; data is added to the pieces, the rest answered."""
        try:
            for opcode, content in self._frames.take(data):
                if opcode == BINARY:
                    pieces.append(content)
                elif opcode == PING:
                    self._answer(content)
                elif opcode == CLOSE:
                    self.leave(int.from_bytes(content[:2], "big") or NORMAL)
                    return False
        except Broken as broken:
            self.leave(broken.code, str(broken))
            return False
        return True

    def _answer(self, ping: bytes) -> None:
        # Only the latest: who sends more than they read must not fill the memory.
        self._ping = ping
        if self._answering is None or self._answering.done():
            self._answering = asyncio.create_task(self._send_pongs())

    async def _send_pongs(self) -> None:
        with suppress(StreamClosedError):
            while self._ping is not None and not self._is_leaving:
                ping, self._ping = self._ping, None
                await self._stream.write(frame(PONG, ping))

    async def send(self, data: bytes) -> None:
        """Give it to the client; returns when it is on its way. `StreamClosedError` when nobody is
        there any more."""
        if not self._is_leaving:
            await self._stream.write(frame(BINARY, data))

    async def keep_alive(self) -> None:
        """Send pings, for ever; what waits to be sent needs none behind it."""
        with suppress(StreamClosedError):
            while not self._is_leaving:
                await asyncio.sleep(PING_SECONDS)
                if not self._stream.writing():
                    await self._stream.write(frame(PING, b""))

    def leave(self, code: int, reason: str = "") -> None:
        """Say goodbye, once; nothing is sent after it."""
        if not self._is_leaving:
            self._is_leaving = True
            with suppress(StreamClosedError):
                self._stream.write(closing(code, reason))

    def close(self) -> None:
        """End the connection, whether the client agrees or not."""
        if self._answering is not None:
            self._answering.cancel()
        self._stream.close()
