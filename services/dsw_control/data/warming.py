"""The filling of caches: what people ask for, and the helper that does it."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.datasets import WarmAsk, WarmState, WarmView
from dsw.errors import Conflict, DswError, Invalid, NotFound
from dsw.locations import clean_path
from dsw.names import new_id
from dsw.node_mounts import SourceState, WarmRequest
from dsw.roles import Action
from dsw_control.access import not_from_an_instance, require, standing
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.data.datasets import seen, version_of
from dsw_control.data.places import located
from dsw_control.data.sources import WARM_UNDER_WAY, Sources, ask_anew, key_of
from dsw_control.engines.base import NodeMounts, WarmStatus
from dsw_control.records.audit import record
from dsw_control.records.idempotency import Once, earlier, remember
from dsw_control.store.paging import Key, PageRequest, paged
from dsw_control.store.tables import Dataset, DatasetVersion, DataSource, Warming

KEPT = timedelta(days=7)
AT_ONCE = 3
"""Warmings of one user that have not ended."""

_NEWEST_FIRST: list[Key] = [(Warming.created_at, True), (Warming.id, True)]


async def create_warming(
    control: Control, caller: Caller, dataset_id: str, body: WarmAsk, once: Once | None = None
) -> WarmView:
    """Have a dataset's cache filled. `Conflict` where there is none."""
    not_from_an_instance(caller)
    if control.engine.mounts is None:
        raise Conflict("This workbench mounts nothing.", "It needs a container engine.")
    path = clean_path(body.path)
    async with control.db.write() as session:
        dataset = await seen(session, caller, dataset_id)
        await require(session, caller, dataset.workspace_id, Action.MOUNT_OWN)
        if made := await earlier(session, once):
            return WarmView.model_validate(await session.get_one(Warming, made))
        if dataset.retired_at is not None:
            raise Conflict(f"The dataset {dataset.name!r} is retired.", "Choose another one.")
        await _check_few(session, caller)
        version = await version_of(session, dataset, body.version)
        key = await _source_of(session, control, dataset, version)
        await ask_anew(session, control, key)
        row = Warming(
            id=new_id("warm"),
            dataset_id=dataset.id,
            version=version.number,
            workspace_id=dataset.workspace_id,
            owner=caller.name,
            path=path,
            source=key,
            state=WarmState.WAITING,
            created_at=control.clock(),
        )
        session.add(row)
        remember(session, control, once, row.id)
        target = (row.id, row.workspace_id)
        record(session, control, caller, Action.MOUNT_OWN, target, did="warm", dataset=dataset.id)
        await session.flush()
    control.wake_mounts.set()
    return WarmView.model_validate(row)


async def list_warmings(
    control: Control, caller: Caller, dataset_id: str, page: PageRequest
) -> tuple[list[WarmView], str | None]:
    """Those of a dataset, newest first."""
    not_from_an_instance(caller)
    async with control.db.read() as session:
        dataset = await seen(session, caller, dataset_id)
        query = select(Warming).where(Warming.dataset_id == dataset.id)
        rows, cursor = await paged(session, query, _NEWEST_FIRST, page)
    return [WarmView.model_validate(row) for row in rows], cursor


async def get_warming(control: Control, caller: Caller, warming_id: str) -> WarmView:
    """One warming of a dataset that the caller may know of."""
    not_from_an_instance(caller)
    async with control.db.read() as session:
        return WarmView.model_validate(await _known(session, caller, warming_id))


async def cancel_warming(control: Control, caller: Caller, warming_id: str) -> WarmView:
    """Have it end; what was read stays in the cache. One that has ended stays as it is."""
    not_from_an_instance(caller)
    async with control.db.write() as session:
        row = await _known(session, caller, warming_id, lock=True)
        mine = await standing(session, caller, row.workspace_id)
        own = row.owner == caller.name
        mine.check(Action.MOUNT_OWN if own else Action.DATASET_MANAGE)
        if row.ended_at is None:
            row.cancel = True
            target = (row.id, row.workspace_id)
            record(session, control, caller, Action.MOUNT_OWN, target, did="cancel warming")
    control.wake_mounts.set()
    return WarmView.model_validate(row)


class Warmings:
    """Drives each warming that has not ended. Its helper outlives control."""

    def __init__(self, control: Control, engine: NodeMounts, sources: Sources) -> None:
        self._control = control
        self._engine = engine
        self._sources = sources

    async def turn(self) -> None:
        """One look at every warming that has not ended; forget those of a week ago."""
        async with self._control.db.read() as session:
            query = select(Warming).where(Warming.ended_at.is_(None)).order_by(Warming.created_at)
            rows = list(await session.scalars(query))
        for row in rows:
            try:
                await self._drive(row)
            except DswError as error:
                await self._end(row, WarmState.FAILED, error.sentence)

    async def forget(self) -> None:
        """Forget those that ended long ago."""
        async with self._control.db.write() as session:
            old = Warming.ended_at < self._control.clock() - KEPT
            await session.execute(delete(Warming).where(old))

    async def _drive(self, row: Warming) -> None:
        if row.cancel:
            await self._end(row, WarmState.CANCELLED)
            return
        source = await self._sources.drive(row.source)
        status = await self._engine.warm_status(row.id)
        if status is not None:
            await self._follow(row, status)
        elif source.state == SourceState.READY:
            await self._begin(row, source)
        elif source.state != SourceState.PREPARING:
            await self._end(row, WarmState.FAILED, source.message)

    async def _begin(self, row: Warming, source: DataSource) -> None:
        if not source.cache_bytes:
            sentence = "There is no room for a cache on this node: others use all of it."
            await self._end(row, WarmState.FAILED, sentence)
            return
        await self._engine.start_warm(row.id, WarmRequest(key=row.source, path=row.path))
        async with self._control.db.write() as session:
            (await session.get_one(Warming, row.id)).state = WarmState.WARMING

    async def _follow(self, row: Warming, status: WarmStatus) -> None:
        report = status.report
        if report is not None:
            async with self._control.db.write() as session:
                now = await session.get_one(Warming, row.id)
                now.state = WarmState.WARMING
                now.bytes_done, now.bytes_total = report.bytes_done, report.bytes_total
                now.files_done, now.files_total = report.files_done, report.files_total
        if status.exit_code is None:
            return
        if report is not None and report.done and not report.failed:
            await self._end(row, WarmState.DONE, report.message)
        else:
            why = report.message if report is not None else ""
            await self._end(row, WarmState.FAILED, why or "The helper ended before it was done.")

    async def _end(self, row: Warming, state: WarmState, message: str = "") -> None:
        await self._engine.remove_warm(row.id)
        async with self._control.db.write() as session:
            now = await session.get_one(Warming, row.id, with_for_update=True)
            if now.ended_at is None:
                now.state, now.message, now.ended_at = state, message, self._control.clock()


async def _source_of(
    session: AsyncSession, control: Control, dataset: Dataset, version: DatasetVersion
) -> str:
    place = await located(session, control, dataset, version)
    if place.store is None:
        raise Invalid(
            f"The dataset {dataset.name!r} has no cache.",
            "Object stores have one: s3:// and oss://.",
        )
    return key_of(dataset.id, version.number, place, read_only=True)


async def _check_few(session: AsyncSession, caller: Caller) -> None:
    query = select(Warming.id).where(
        Warming.owner == caller.name, Warming.state.in_(WARM_UNDER_WAY)
    )
    if len((await session.scalars(query)).all()) >= AT_ONCE:
        raise Conflict(
            f"You have {AT_ONCE} caches filled at once already.", "Wait for one, or cancel it."
        )


async def _known(
    session: AsyncSession, caller: Caller, warming_id: str, lock: bool = False
) -> Warming:
    row = await session.get(Warming, warming_id, with_for_update=lock or None)
    if row is not None:
        try:
            await seen(session, caller, row.dataset_id)
        except NotFound:
            row = None
    if row is None:
        raise NotFound(f"There is no warming {warming_id[:40]!r}.", "See those of a dataset.")
    return row
