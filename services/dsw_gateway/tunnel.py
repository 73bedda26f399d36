"""Bytes between a client's channel and an instance's websocket, as fast as the slower one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress

import asyncssh
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

WINDOW = 2 * 1024 * 1024
"""Bytes that a client may send before they are taken."""
PACKET = 32 * 1024
WAITING_MAX = 512 * 1024
"""Bytes kept for the websocket before the client is told to wait."""
MESSAGE_MAX = 256 * 1024
"""Bytes in one message to an instance, which takes up to 1 MiB."""


class Tunnel(asyncssh.SSHTCPSession[bytes]):
    """One SSH connection to an instance. `ended` is called once, when it is over."""

    def __init__(self, websocket: ClientConnection, ended: Callable[[], None]) -> None:
        self._websocket = websocket
        self._ended = ended
        self._channel: asyncssh.SSHTCPChannel[bytes] | None = None
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._paused = False
        self._eof = False
        self._more = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._tasks: list[asyncio.Task[None]] = []

    def connection_made(self, chan: asyncssh.SSHTCPChannel[bytes]) -> None:
        """The client's side is open."""
        self._channel = chan
        self._tasks = [
            asyncio.create_task(self._to_instance(chan)),
            asyncio.create_task(self._to_client(chan)),
        ]

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        """From the client."""
        self._waiting.append(data)
        self._size += len(data)
        if self._size > WAITING_MAX and not self._paused and self._channel:
            self._paused = True
            self._channel.pause_reading()
        self._more.set()

    def eof_received(self) -> bool:
        """The client sends no more; what the instance still says reaches it."""
        self._eof = True
        self._more.set()
        return True

    def pause_writing(self) -> None:
        """The client does not keep up."""
        self._room.clear()

    def resume_writing(self) -> None:
        """It does again."""
        self._room.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client's side has ended, and so does the instance's."""
        for task in self._tasks:
            task.cancel()
        closing = asyncio.create_task(self._close())
        # The loop keeps no reference of its own to a task.
        self._tasks.append(closing)

    async def _close(self) -> None:
        try:
            with suppress(ConnectionClosed, OSError):
                await self._websocket.close()
        finally:
            self._ended()

    async def _to_instance(self, channel: asyncssh.SSHTCPChannel[bytes]) -> None:
        with suppress(ConnectionClosed):
            while self._waiting or not self._eof:
                if self._waiting:
                    await self._websocket.send(self._take(channel))
                else:
                    self._more.clear()
                    await self._more.wait()
            await self._websocket.close()

    def _take(self, channel: asyncssh.SSHTCPChannel[bytes]) -> bytes:
        """The next message; packets are no larger than one, so it holds one or more."""
        parts = [self._waiting.popleft()]
        size = len(parts[0])
        while self._waiting and size + len(self._waiting[0]) <= MESSAGE_MAX:
            parts.append(self._waiting.popleft())
            size += len(parts[-1])
        self._size -= size
        if self._paused and self._size <= WAITING_MAX // 2:
            self._paused = False
            channel.resume_reading()
        return b"".join(parts)

    async def _to_client(self, channel: asyncssh.SSHTCPChannel[bytes]) -> None:
        with suppress(ConnectionClosed):
            async for message in self._websocket:
                channel.write(message if isinstance(message, bytes) else message.encode())
                await self._room.wait()
        channel.close()
