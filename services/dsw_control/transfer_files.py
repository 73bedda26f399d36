"""The files of transfers: room for them, uploads that go on where they ended, and their removal."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.errors import Conflict, Invalid, Unavailable
from dsw.settings import Settings
from dsw.transfers import TransferState
from dsw.units import format_size
from dsw_control.context import Control
from dsw_control.engines.docker_archives import archive_file, work_folder
from dsw_control.store.tables import ImageTransfer

LEFT_FREE = 2**30
"""Bytes of the disk that no transfer takes."""
TIMES = 3
"""An archive, what is taken out of it, and what is made of that are there at once."""
PIECE = 2**20


def free(settings: Settings) -> int:
    """Bytes that transfers may still take."""
    folder = settings.data / "transfers"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return shutil.disk_usage(folder).free - LEFT_FREE


async def check_room(control: Control, session: AsyncSession, size: int) -> None:
    """`Conflict` unless the disk has room for a transfer of so many bytes, beside those that have
    begun."""
    begun = await session.scalar(
        select(func.sum(ImageTransfer.size)).where(
            ImageTransfer.state.in_((TransferState.RECEIVING, TransferState.WORKING))
        )
    )
    left = await asyncio.to_thread(free, control.settings) - TIMES * int(begun or 0)
    if TIMES * size > left:
        raise Conflict(
            f"There is no room for an archive of {format_size(size)}: it takes {TIMES} times that "
            f"for a while, and {format_size(max(left, 0))} are left.",
            "Delete transfers that you do not need, or ask an administrator for more disk.",
        )


def size_of(settings: Settings, transfer_id: str) -> int:
    """Bytes that have come of an import."""
    try:
        return archive_file(settings, transfer_id).stat().st_size
    except FileNotFoundError:
        return 0


def mtime_of(settings: Settings, transfer_id: str) -> datetime | None:
    """When bytes of an import came last; None when none did."""
    try:
        changed = archive_file(settings, transfer_id).stat().st_mtime
    except FileNotFoundError:
        return None
    return datetime.fromtimestamp(changed, UTC)


def names(settings: Settings) -> list[str]:
    """The transfers that have anything on disk."""
    folder = settings.data / "transfers"
    found = folder.iterdir() if folder.is_dir() else iter(())
    return sorted({path.name.removesuffix(".tar") for path in found})


def delete_files(settings: Settings, transfer_id: str, archive: bool = True) -> None:
    """Delete what a transfer has on disk; `archive`, its archive too."""
    shutil.rmtree(work_folder(settings, transfer_id), ignore_errors=True)
    if archive:
        archive_file(settings, transfer_id).unlink(missing_ok=True)


class Upload:
    """A file that is appended to by one request at a time, up to `most` bytes."""

    def __init__(self, path: Path, offset: int, most: int) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        self._most = most
        self._pending = bytearray()
        try:
            self._lock()
            self.size = os.fstat(self._file).st_size
            if offset != self.size:
                raise Conflict(
                    f"{self.size} bytes have come.", f"Go on with offset={self.size}, not {offset}."
                )
        except BaseException:
            os.close(self._file)
            raise

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(
                "Another request is sending this archive.", "Wait until it has ended."
            ) from error

    def __enter__(self) -> Upload:
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
                f"The archive is larger than the {self._most} bytes that were announced.",
                "Begin a new import with its real size.",
            )
        self._pending += chunk
        if len(self._pending) >= PIECE:
            await self.settle()

    async def settle(self) -> bool:
        """Write down what has come; whether that is all."""
        if self._pending:
            piece, self._pending = bytes(self._pending), bytearray()
            try:
                await asyncio.to_thread(self._append, piece)
            except OSError as error:
                raise Unavailable(
                    f"The archive cannot be stored: {error.strerror}.", "Ask an administrator."
                ) from error
        return self.size == self._most

    def _append(self, piece: bytes) -> None:
        view = memoryview(piece)
        while view:
            written = os.pwrite(self._file, view, self.size)
            self.size += written
            view = view[written:]
