"""The files of transfers: room for them, uploads that go on where they ended, and their removal."""

from __future__ import annotations

import asyncio
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.errors import Conflict
from dsw.settings import Settings
from dsw.transfers import TransferState
from dsw.units import format_size
from dsw_control.appending import Appending
from dsw_control.context import Control
from dsw_control.engines.docker_archives import archive_file, work_folder
from dsw_control.store.tables import ImageTransfer

LEFT_FREE = 2**30
"""Bytes of the disk that no transfer takes."""
TIMES = 3
"""An archive, what is taken out of it, and what is made of that are there at once."""


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


class Upload(Appending):
    """An import's archive that a request appends to, up to `most` bytes."""

    def __init__(self, path: Path, offset: int, most: int) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        super().__init__(file, offset, most, "archive")
