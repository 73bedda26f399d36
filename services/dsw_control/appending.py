"""A file that comes in pieces over HTTP: one request at a time, each from where the last ended."""

from __future__ import annotations

import asyncio
import fcntl
import os
from types import TracebackType
from typing import Self

from dsw.errors import Conflict, Invalid, Unavailable

PIECE = 2**20


class Appending:
    """An open file that one request appends to, up to `most` bytes; closed with the block. `what`
    it is, people read. `Conflict` for an offset that is not its end, and while another request
    sends."""

    def __init__(self, file: int, offset: int, most: int, what: str) -> None:
        self._file = file
        self._most = most
        self._what = what
        self._pending = bytearray()
        try:
            self._lock()
            self.size = os.fstat(file).st_size
            if offset != self.size:
                raise Conflict(
                    f"{self.size} bytes have come.", f"Go on with offset={self.size}, not {offset}."
                )
        except BaseException:
            os.close(file)
            raise

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(
                f"Another request is sending this {self._what}.", "Wait until it has ended."
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._file)

    async def write(self, chunk: bytes) -> None:
        """Append; `Invalid` for more bytes than were announced."""
        if self.size + len(self._pending) + len(chunk) > self._most:
            raise Invalid(
                f"The {self._what} is larger than the {self._most} bytes that were announced.",
                "Begin anew with its real size.",
            )
        self._pending += chunk
        if len(self._pending) >= PIECE:
            await self.settle()

    async def settle(self) -> bool:
        """Write down what has come; whether that is all."""
        if self._pending:
            piece, self._pending = bytes(self._pending), bytearray()
            await self._store(piece)
        return self.size == self._most

    async def _store(self, piece: bytes) -> None:
        try:
            await asyncio.to_thread(self._append, self._file, piece)
        except OSError as error:
            raise Unavailable(
                f"The {self._what} cannot be stored: {error.strerror}.", "Ask an administrator."
            ) from error

    def _append(self, file: int, piece: bytes) -> None:
        view = memoryview(piece)
        while view:
            written = os.pwrite(file, view, self.size)
            self.size += written
            view = view[written:]
