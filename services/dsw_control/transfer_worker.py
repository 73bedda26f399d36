"""The reconciler of transfers: one helper after another, then the archive or the image."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import structlog
from sqlalchemy import select

from dsw.archives import ARCHIVE, ArchiveResult, ArchiveStep
from dsw.errors import DswError, Unavailable
from dsw.transfers import TransferKind, TransferState
from dsw_control.context import Control
from dsw_control.engines.base import Archives
from dsw_control.engines.docker_archives import archive_file, work_folder
from dsw_control.registries import home_of
from dsw_control.store.tables import ImageTransfer
from dsw_control.transfer_files import delete_files, mtime_of, names
from dsw_control.transfer_images import add_image, check_config, undo
from dsw_control.transfer_steps import first_step, request_for
from dsw_control.transfers import KEPT, UNDER_WAY

AT_ONCE = 2
"""Transfers that have a helper; the others wait."""
NEXT = "next"
"""In the work folder: the step that comes when no helper is there."""
LAST = frozenset({ArchiveStep.PACK, ArchiveStep.FETCH, ArchiveStep.PUSH, ArchiveStep.LOAD})

log = structlog.get_logger()


class TransferWorker:
    """Drives each transfer that has not ended. Its helper outlives control, and which step it does
    is written on it, so that a restart goes on where it is."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def turn(self) -> None:
        """One look at every transfer that is under way."""
        archives = self._control.engine.archives
        if archives is None:
            return
        async with self._control.db.read() as session:
            rows = await session.scalars(
                select(ImageTransfer)
                .where(ImageTransfer.state.in_(UNDER_WAY))
                .order_by(ImageTransfer.created_at, ImageTransfer.id)
            )
            todo = [row for row in rows if row.cancel or row.state == TransferState.WORKING]
        moving = [row for row in todo if not row.cancel][:AT_ONCE]
        for row in (*(row for row in todo if row.cancel), *moving):
            try:
                await self._drive_or_fail(archives, row)
            except DswError as error:
                log.warning("transfer waits", transfer=row.id, error=error.sentence)

    async def sweep(self) -> None:
        """Forget what ended a day ago, give up imports of which nothing came for a day, and clean
        up what a crash has left."""
        archives = self._control.engine.archives
        if archives is None:
            return
        async with self._control.db.read() as session:
            rows = {row.id: row for row in await session.scalars(select(ImageTransfer))}
        for row in rows.values():
            await self._age(archives, row)
        for transfer_id in await archives.ids():
            kept = rows.get(transfer_id)
            if kept is None or kept.state != TransferState.WORKING:
                await archives.remove(transfer_id)
        await asyncio.to_thread(self._delete_strays, rows.values())

    async def _age(self, archives: Archives, row: ImageTransfer) -> None:
        limit = self._control.clock() - KEPT
        if row.state == TransferState.RECEIVING:
            came = mtime_of(self._control.settings, row.id) or row.created_at
            if max(came, row.created_at) < limit:
                sentence = "Nothing came for a day. Begin a new import."
                await self._end(archives, row, TransferState.CANCELLED, sentence)
        elif row.ended_at is not None and row.ended_at < limit:
            async with self._control.db.write() as session:
                await session.delete(await session.get_one(ImageTransfer, row.id))
            delete_files(self._control.settings, row.id)

    def _delete_strays(self, rows: Iterable[ImageTransfer]) -> None:
        settings = self._control.settings
        known = {row.id: row for row in rows}
        for transfer_id in names(settings):
            row = known.get(transfer_id)
            if row is not None and row.state in UNDER_WAY:
                continue
            ready = row is not None and row.state == TransferState.READY
            delete_files(settings, transfer_id, archive=not ready)

    async def _drive_or_fail(self, archives: Archives, row: ImageTransfer) -> None:
        try:
            await self._drive(archives, row)
        except Unavailable:
            raise
        except DswError as error:
            await self._end(archives, row, TransferState.FAILED, error.sentence)

    async def _drive(self, archives: Archives, row: ImageTransfer) -> None:
        if row.cancel:
            await self._end(archives, row, TransferState.CANCELLED)
            return
        status = await archives.status(row.id)
        if status is None:
            await self._begin(archives, row, self._noted(row) or await self._first(row))
        elif status.result is None:
            await self._progress(row)
        elif status.result.error:
            await self._end(archives, row, TransferState.FAILED, status.result.error)
        else:
            await self._advance(archives, row, status.step, status.result)

    async def _first(self, row: ImageTransfer) -> ArchiveStep:
        async with self._control.db.read() as session:
            return await first_step(session, row)

    async def _begin(self, archives: Archives, row: ImageTransfer, step: ArchiveStep) -> None:
        asked, auth = await request_for(self._control, row, step)
        await archives.start(row.id, asked, auth)

    async def _advance(
        self, archives: Archives, row: ImageTransfer, step: ArchiveStep, result: ArchiveResult
    ) -> None:
        if step in LAST:
            await self._finish(archives, row, result)
            return
        if step is ArchiveStep.UNPACK:
            check_config(result.config, await self._control.engine.platform())
        following = await self._after(row, step)
        self._note(row, following)
        await archives.remove(row.id)
        if step is ArchiveStep.UNPACK:
            archive_file(self._control.settings, row.id).unlink(missing_ok=True)
        await self._begin(archives, row, following)

    async def _after(self, row: ImageTransfer, step: ArchiveStep) -> ArchiveStep:
        if step is ArchiveStep.SAVE:
            return ArchiveStep.PACK
        if step is ArchiveStep.REPACK:
            return ArchiveStep.LOAD
        async with self._control.db.read() as session:
            to_registry = await home_of(session, self._control, row.workspace_id) is not None
        return ArchiveStep.PUSH if to_registry else ArchiveStep.REPACK

    async def _finish(self, archives: Archives, row: ImageTransfer, result: ArchiveResult) -> None:
        if row.kind == TransferKind.IMPORT:
            if await add_image(self._control, row, result):
                await self._clean(archives, row)
            return
        settings = self._control.settings
        made, kept = work_folder(settings, row.id) / ARCHIVE, archive_file(settings, row.id)
        if made.exists():
            made.replace(kept)
        await self._end(archives, row, TransferState.READY, size=kept.stat().st_size)

    async def _progress(self, row: ImageTransfer) -> None:
        """What an export has made so far."""
        made = work_folder(self._control.settings, row.id) / ARCHIVE
        if row.kind == TransferKind.EXPORT and made.exists():
            async with self._control.db.write() as session:
                now = await session.get_one(ImageTransfer, row.id)
                now.bytes_done = made.stat().st_size

    async def _end(
        self,
        archives: Archives,
        row: ImageTransfer,
        state: TransferState,
        message: str = "",
        size: int | None = None,
    ) -> None:
        """Nothing of an import that ends here stays anywhere."""
        if row.kind == TransferKind.IMPORT:
            await archives.remove(row.id)
            await undo(self._control, row, pushed=self._noted(row) is ArchiveStep.PUSH)
        async with self._control.db.write() as session:
            now = await session.get(ImageTransfer, row.id, with_for_update=True)
            if now is None or now.state not in UNDER_WAY:
                return
            cancelled = now.cancel and state is TransferState.READY
            now.state = TransferState.CANCELLED if cancelled else state
            now.message, now.ended_at = message, self._control.clock()
            if size is not None:
                now.size = now.bytes_done = size
        log.info("transfer", transfer=row.id, state=now.state, message=message)
        await self._clean(archives, row, archive=now.state != TransferState.READY)

    async def _clean(self, archives: Archives, row: ImageTransfer, archive: bool = True) -> None:
        await archives.remove(row.id)
        await asyncio.to_thread(delete_files, self._control.settings, row.id, archive)

    def _noted(self, row: ImageTransfer) -> ArchiveStep | None:
        file = work_folder(self._control.settings, row.id) / NEXT
        return ArchiveStep(file.read_text()) if file.exists() else None

    def _note(self, row: ImageTransfer, step: ArchiveStep) -> None:
        folder = work_folder(self._control.settings, row.id)
        aside = folder / f".{NEXT}"
        aside.write_text(step)
        aside.replace(folder / NEXT)
