"""The reconciler of uploads: complete ones become files, and what others left is removed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import BinaryIO

import structlog
from sqlalchemy import or_, select

from dsw.datasets import UploadState
from dsw.errors import Conflict, DswError, Unavailable
from dsw_control.context import Control
from dsw_control.data.contents import PIECE
from dsw_control.data.folder_files import as_sentences, on_disk
from dsw_control.data.object_files import ObjectFiles
from dsw_control.data.places import secret_store
from dsw_control.data.staging import (
    SYNC_SECONDS,
    InData,
    InFolder,
    is_there,
    staging_of,
    uploads_folder,
)
from dsw_control.data.uploads import KEPT, end, place_of_upload
from dsw_control.store.tables import Upload

LANES = 3
"""Uploads that are stored at once."""
PAUSE = 30.0
"""Seconds until a storage that did not answer is tried again."""
TOLD = 1.0
"""Seconds between two notes of how far a file is on its way to an object store."""

log = structlog.get_logger()


class _CancelledError(Exception):
    """Nobody wants the file any more."""


class UploadWorker:
    """Stores each upload whose bytes have all come. Doing it again after a restart is the same as
    doing it once: a file has its name already, or is sent to its store anew."""

    def __init__(self, control: Control, ticks: Callable[[], float] = time.monotonic) -> None:
        self._control = control
        self._ticks = ticks
        self._taken: set[str] = set()
        self._paths: set[tuple[str, str]] = set()
        self._later: dict[str, float] = {}

    async def turn(self) -> None:
        """Store what waits, one after the other, and remove what ended uploads left. Several turns
        may run beside each other."""
        while (row := await self._take()) is not None:
            try:
                await (self._clean(row) if row.ended_at else self._store(row))
            except DswError as error:
                await self._failed(row, error)
            finally:
                self._taken.discard(row.id)
                self._paths.discard((row.dataset_id, row.path))

    async def sweep(self) -> None:
        """Give up uploads of which nothing came for a day, and forget those that ended a day ago,
        or a week ago where something cannot be removed."""
        async with self._control.db.read() as session:
            rows = list(await session.scalars(select(Upload)))
        limit = self._control.clock() - KEPT
        for row in rows:
            if row.state == UploadState.RECEIVING and row.changed_at < limit:
                await self._end(row, UploadState.FAILED, "Nothing came for a day. Begin a new one.")
            elif row.ended_at is not None and row.ended_at < limit - (
                6 * KEPT if row.staged else 0 * KEPT
            ):
                await self._forget(row)
        await asyncio.to_thread(self._delete_strays, {row.staged for row in rows})

    async def _take(self) -> Upload | None:
        """The next upload that nobody here stores. Two to one path come one after the other."""
        async with self._control.db.read() as session:
            rows = await session.scalars(
                select(Upload)
                .where(
                    or_(
                        Upload.state == UploadState.STORING,
                        Upload.ended_at.is_not(None) & (Upload.staged != ""),
                    )
                )
                .order_by(Upload.changed_at, Upload.id)
            )
            for row in rows:
                key = (row.dataset_id, row.path)
                if row.id in self._taken or key in self._paths:
                    continue
                if self._later.get(row.id, 0) <= self._ticks():
                    self._taken.add(row.id)
                    self._paths.add(key)
                    return row
        return None

    async def _store(self, row: Upload) -> None:
        async with self._control.db.read() as session:
            place = await place_of_upload(session, self._control, row)
            store = await secret_store(session, self._control, place) if place.store else None
        if not place.writable:
            raise Conflict("The storage of this dataset has become read-only.")
        staging = staging_of(self._control.settings, place, row)
        if isinstance(staging, InFolder):
            await self._into_folder(row, staging)
        elif store is not None:
            await self._into_store(row, staging, ObjectFiles(store))
        else:
            raise Conflict("The storage of this dataset has changed.", "Begin a new upload.")

    async def _into_folder(self, row: Upload, staging: InFolder) -> None:
        published = await on_disk(lambda: staging.is_published(row.size))
        if not published:
            _check_whole(row, await on_disk(staging.sync, SYNC_SECONDS))
        async with self._control.db.write() as session:
            now = await session.get(Upload, row.id, with_for_update=True)
            if now is None or now.state != UploadState.STORING:
                return
            if not published:
                await on_disk(lambda: staging.publish(row.overwrite))
            end(self._control, now, UploadState.DONE, "")
            now.staged, now.bytes_done = "", row.size

    async def _into_store(self, row: Upload, staging: InData, files: ObjectFiles) -> None:
        _check_whole(row, await on_disk(staging.size))
        if not row.overwrite and await files.has(row.path):
            raise is_there(row.path)
        try:
            await files.put(row.path, self._pieces(row, staging), row.size)
        except _CancelledError:
            return
        await self._end(row, UploadState.DONE, "")

    async def _pieces(self, row: Upload, staging: InData) -> AsyncIterator[bytes]:
        sent, told = 0, self._ticks()
        with staging.path.open("rb") as file:
            while piece := await self._read(file):
                yield piece
                sent += len(piece)
                if self._ticks() - told >= TOLD:
                    told = self._ticks()
                    await self._tell(row, sent)

    async def _read(self, file: BinaryIO) -> bytes:
        with as_sentences(""):
            return await on_disk(lambda: file.read(PIECE))

    async def _tell(self, row: Upload, sent: int) -> None:
        async with self._control.db.write() as session:
            now = await session.get(Upload, row.id, with_for_update=True)
            if now is None or now.state != UploadState.STORING:
                raise _CancelledError
            now.bytes_done = sent

    async def _failed(self, row: Upload, error: DswError) -> None:
        """A storage that does not answer is asked again for a day."""
        late = row.changed_at < self._control.clock() - KEPT
        if not isinstance(error, Unavailable) or late:
            await self._end(row, UploadState.FAILED, error.sentence)
            return
        self._later[row.id] = self._ticks() + PAUSE
        async with self._control.db.write() as session:
            now = await session.get(Upload, row.id, with_for_update=True)
            if now is not None and now.state == UploadState.STORING:
                now.message = f"{error.message} It is tried again."

    async def _end(self, row: Upload, state: UploadState, message: str) -> None:
        async with self._control.db.write() as session:
            now = await session.get(Upload, row.id, with_for_update=True)
            if now is None or now.ended_at is not None:
                return
            end(self._control, now, state, message)
            if state is UploadState.DONE:
                now.bytes_done = row.size
        self._later.pop(row.id, None)
        log.info("upload", upload=row.id, state=state, message=message)
        await self._clean(row)

    async def _clean(self, row: Upload) -> None:
        """Remove what is staged; later, where the storage does not answer now."""
        try:
            async with self._control.db.read() as session:
                place = await place_of_upload(session, self._control, row)
            await on_disk(staging_of(self._control.settings, place, row).discard)
        except DswError as error:
            self._later[row.id] = self._ticks() + PAUSE
            log.warning("upload leaves something", upload=row.id, error=error.sentence)
            return
        async with self._control.db.write() as session:
            now = await session.get(Upload, row.id, with_for_update=True)
            if now is not None:
                now.staged = ""

    async def _forget(self, row: Upload) -> None:
        async with self._control.db.write() as session:
            now = await session.get(Upload, row.id, with_for_update=True)
            if now is not None:
                await session.delete(now)

    def _delete_strays(self, known: set[str]) -> None:
        for path in uploads_folder(self._control.settings).iterdir():
            if path.name not in known:
                path.unlink(missing_ok=True)


def _check_whole(row: Upload, size: int) -> None:
    if size != row.size:
        raise Conflict(
            f"{size} of {row.size} bytes are there, the others are gone.", "Begin a new upload."
        )
