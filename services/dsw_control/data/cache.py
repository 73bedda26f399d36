"""How a node's room for caches is given to sources, and what became of it."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.datasets import CacheView
from dsw.node_mounts import SourceReport, SourceState
from dsw_control.access import not_from_an_instance
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.data.datasets import seen
from dsw_control.engines.base import NodeMounts
from dsw_control.store.tables import DataSource

LOCK = "caches"


async def reserve(control: Control, engine: NodeMounts, key: str) -> int:
    """The bytes that a source may keep: what it had, or what is left when the caches that nobody
    has used for longest are gone. 0 when nothing is left. Its row is there, and marked running."""
    settings = control.settings.datasets
    async with control.locks.of(LOCK):
        async with control.db.read() as session:
            kept = (await session.get_one(DataSource, key)).cache_bytes
            others = await _reserved(session) - kept
        wanted = min(kept or settings.cache_per_dataset, settings.cache_per_dataset)
        while others + wanted > settings.cache_size:
            freed = await _evict_oldest(control, engine, key)
            if freed is None:
                break
            others -= freed
        granted = max(min(wanted, settings.cache_size - others), 0)
        async with control.db.write() as session:
            (await session.get_one(DataSource, key)).cache_bytes = granted
    if not granted:
        await engine.remove_cache(key)
    return granted


async def _reserved(session: AsyncSession) -> int:
    return await session.scalar(select(func.sum(DataSource.cache_bytes))) or 0


async def _evict_oldest(control: Control, engine: NodeMounts, but: str) -> int | None:
    """Delete the cache that was used longest ago and is not in use; its bytes."""
    async with control.db.read() as session:
        oldest = await session.scalar(
            select(DataSource)
            .where(DataSource.running.is_(False), DataSource.cache_bytes > 0, DataSource.key != but)
            .order_by(DataSource.used_at, DataSource.key)
            .limit(1)
        )
    if oldest is None:
        return None
    # Nobody starts with this cache meanwhile: who comes back reserves its room first.
    await engine.remove_cache(oldest.key)
    async with control.db.write() as session:
        row = await session.get_one(DataSource, oldest.key)
        row.cache_bytes, row.report = 0, {}
    return oldest.cache_bytes


async def cache_of(control: Control, caller: Caller, dataset_id: str) -> CacheView:
    """What this node keeps of a dataset, of all its versions together."""
    not_from_an_instance(caller)
    async with control.db.read() as session:
        dataset = await seen(session, caller, dataset_id)
        query = select(DataSource).where(DataSource.dataset_id == dataset.id)
        rows = list(await session.scalars(query.order_by(DataSource.used_at.desc())))
    return view_of(rows)


def view_of(rows: list[DataSource]) -> CacheView:
    """The newest says how it is; the bytes are those of all. The read ones count from the start of
    each source that runs."""
    if not rows:
        return CacheView()
    running = [row for row in rows if row.running]
    newest = (running or rows)[0]
    reports = [SourceReport.model_validate(row.report) for row in rows if row.report]
    read = sum(each.bytes_read for each in reports)
    fetched = sum(each.bytes_fetched for each in reports)
    return CacheView(
        mounted=any(row.state == SourceState.READY for row in running),
        state=newest.state if running else "",
        message=newest.message if running else "",
        bytes_cached=sum(each.bytes_cached for each in reports),
        bytes_limit=sum(row.cache_bytes for row in rows),
        bytes_read=read,
        bytes_fetched=fetched,
        hit_rate=max(0.0, 1 - fetched / read) if read else None,
    )
