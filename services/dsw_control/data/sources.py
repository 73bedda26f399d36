"""The sources of a node: an object store is mounted, a repository checked out, once for all who use
it there; the last one out ends it."""

from __future__ import annotations

import time
from dataclasses import dataclass

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.datasets import WarmState
from dsw.errors import DswError
from dsw.mounts import MountReason, MountState
from dsw.node_mounts import SourceReport, SourceRequest, SourceState
from dsw_control.context import Control
from dsw_control.data.cache import reserve
from dsw_control.data.places import Place, located, secret_repository, secret_store
from dsw_control.engines.base import NodeMounts, SourceStatus
from dsw_control.store.tables import Dataset, DatasetVersion, DataSource, Mount, Warming

log = structlog.get_logger()

AGAIN = 5.0
"""Seconds from the end of a helper that did not succeed to the next one."""

USING = (
    MountState.MOUNTING,
    MountState.MOUNTED,
    MountState.DEGRADED,
    MountState.UNMOUNTING,
)
WARM_UNDER_WAY = (WarmState.WAITING, WarmState.WARMING)


@dataclass(frozen=True)
class Key:
    """What tells sources apart: the same data, to be read or to be written."""

    dataset_id: str
    version: int
    read_only: bool

    def __str__(self) -> str:
        return f"{self.dataset_id}-{self.version}-{'ro' if self.read_only else 'rw'}"


def key_of(dataset_id: str, version: int, place: Place, read_only: bool) -> str:
    """The key of the source that a mount is shown from; empty for a folder."""
    if place.store is None and place.repository is None:
        return ""
    return str(Key(dataset_id, version, read_only))


class Sources:
    """Drives the sources that somebody uses, and ends the others."""

    def __init__(self, control: Control, engine: NodeMounts) -> None:
        self._control = control
        self._engine = engine

    async def drive(self, key: str) -> DataSource:
        """One look at a source that is needed: started where it is not, its state written down."""
        async with self._control.locks.of(f"source {key}"):
            row = await self._wanted(key)
            status = await self._engine.source_status(key)
            if status is not None:
                return await self._follow(row, status)
            checked_out = row.state == SourceState.READY and row.report.get("commit")
            return row if checked_out else await self._start(row)

    async def unused(self) -> set[str]:
        """The keys of those that run and that nobody needs any more."""
        async with self._control.db.read() as session:
            query = select(DataSource.key).where(DataSource.running)
            running = set(await session.scalars(query))
            return running - await keys_in_use(session) if running else set()

    async def sweep(self) -> None:
        """End helpers and delete caches of which no row tells."""
        found = await self._engine.sources()
        kept = await self._engine.caches()
        async with self._control.db.read() as session:
            rows = {row.key: row for row in await session.scalars(select(DataSource))}
        for key in found:
            if key not in rows or not rows[key].running:
                async with self._control.locks.of(f"source {key}"):
                    if not await self._runs(key):
                        await self._engine.remove_source(key)
        for key in kept:
            if key not in rows:
                await self._engine.remove_cache(key)

    async def _runs(self, key: str) -> bool:
        async with self._control.db.read() as session:
            row = await session.get(DataSource, key)
        return row is not None and row.running

    async def _wanted(self, key: str) -> DataSource:
        """The row, marked as one that is to run."""
        async with self._control.db.write() as session:
            row = await session.get(DataSource, key)
            moment = self._control.clock()
            if row is None:
                dataset_id, number, _ = key.rsplit("-", 2)
                row = DataSource(
                    key=key,
                    dataset_id=dataset_id,
                    version=int(number),
                    state=SourceState.PREPARING,
                    report={},
                    cache_bytes=0,
                    running=False,
                    created_at=moment,
                )
                session.add(row)
            if not row.running:
                row.running, row.state = True, SourceState.PREPARING
                row.reason, row.message, row.report = "", "", {}
            row.used_at = moment
            return row

    async def _start(self, row: DataSource) -> DataSource:
        if time.monotonic() - self._control.source_ends.get(row.key, -AGAIN) < AGAIN:
            return row
        try:
            request = await self._request(row)
            await self._engine.start_source(request)
        except DswError as error:
            self._control.source_ends[row.key] = time.monotonic()
            failed = SourceReport(
                state=SourceState.FAILED,
                reason=MountReason.SOURCE_UNREACHABLE,
                message=error.sentence,
            )
            return await self._note(row, failed)
        return row

    async def _request(self, row: DataSource) -> SourceRequest:
        """With what opens it, read at the last moment."""
        control = self._control
        read_only = row.key.endswith("-ro")
        async with control.db.read() as session:
            place = await _place(session, control, row)
            if place.repository is not None:
                repository = await secret_repository(session, control, place)
                cache = await self._engine.cache_folder(row.key)
                most = control.settings.datasets.cache_per_dataset
                return SourceRequest(
                    key=row.key, repository=repository, cache=cache, cache_bytes=most
                )
            store = await secret_store(session, control, place)
        granted = await reserve(control, self._engine, row.key)
        cache = await self._engine.cache_folder(row.key) if granted else ""
        return SourceRequest(
            key=row.key, store=store, read_only=read_only, cache=cache, cache_bytes=granted
        )

    async def _follow(self, row: DataSource, status: SourceStatus) -> DataSource:
        report = status.report or SourceReport(state=SourceState(row.state), message=row.message)
        if status.exit_code is None:
            return await self._note(row, report)
        # A repository's helper ends when it is done.
        done = report.state is SourceState.READY and bool(report.commit)
        await self._engine.remove_source(row.key)
        if not done:
            if row.state != SourceState.READY:
                self._control.source_ends[row.key] = time.monotonic()
            failed = report.state is SourceState.FAILED
            # A helper that was killed has said nothing of the source: the next one will.
            report = report.model_copy(
                update={
                    "state": SourceState.FAILED if failed else SourceState.PREPARING,
                    "reason": report.reason or MountReason.SOURCE_GONE,
                    "message": report.message or f"Its helper ended (code {status.exit_code}).",
                }
            )
        return await self._note(row, report)

    async def _note(self, row: DataSource, report: SourceReport) -> DataSource:
        told = report.model_dump(mode="json")
        now = (row.state, row.reason, row.message, row.report)
        if now == (report.state, report.reason, report.message, told):
            return row
        async with self._control.db.write() as session:
            row = await session.get_one(DataSource, row.key)
            row.state, row.reason, row.message = report.state, report.reason, report.message
            row.report = told
            return row

    async def end(self, key: str) -> None:
        """End a source unless somebody needs it again. The cache of an object store stays; a
        repository is checked out anew for the next one, who gets it as it is then."""
        async with self._control.locks.of(f"source {key}"):
            async with self._control.db.read() as session:
                if key in await keys_in_use(session):
                    return
                kept = (await session.get_one(DataSource, key)).cache_bytes
            await self._engine.remove_source(key)
            if not kept:
                await self._engine.remove_cache(key)
            async with self._control.db.write() as session:
                row = await session.get_one(DataSource, key)
                row.running, row.used_at = False, self._control.clock()
        log.info("source ended", source=key)


async def ask_anew(session: AsyncSession, control: Control, key: str) -> None:
    """Somebody wants it now: what it failed of for others before is not their answer."""
    control.source_ends.pop(key, None)
    row = await session.get(DataSource, key) if key else None
    if row is not None and row.state in (SourceState.FAILED, SourceState.DEGRADED):
        row.state, row.reason, row.message, row.report = SourceState.PREPARING, "", "", {}


async def keys_in_use(session: AsyncSession) -> set[str]:
    """The sources that mounts and warmings need now."""
    mounts = select(Mount.source).where(
        Mount.ended_at.is_(None), Mount.source != "", Mount.state.in_(USING)
    )
    warmings = select(Warming.source).where(Warming.state.in_(WARM_UNDER_WAY))
    return {*await session.scalars(mounts), *await session.scalars(warmings)}


async def _place(session: AsyncSession, control: Control, row: DataSource) -> Place:
    dataset = await session.get_one(Dataset, row.dataset_id)
    version = await session.get_one(DatasetVersion, (row.dataset_id, row.version))
    return await located(session, control, dataset, version)
