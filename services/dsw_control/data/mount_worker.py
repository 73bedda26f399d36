"""The reconciler of mounts: compares the rows with what is mounted, and has the steps done."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from functools import partial

import structlog
from sqlalchemy import or_, select

from dsw.errors import DswError
from dsw.instances import AT_REST
from dsw.mounts import MountReason, MountState
from dsw.node_mounts import Area, SourceState
from dsw_control.context import Control
from dsw_control.data.mount_rows import Told, Why, become, leave, place_of, tell_all
from dsw_control.data.mount_steps import Steps
from dsw_control.data.sources import Sources
from dsw_control.data.warming import Warmings
from dsw_control.engines.base import MountTable, NodeMounts
from dsw_control.store.tables import DataSource, Instance, Mount, Warming

MOVING = (MountState.MOUNTING, MountState.UNMOUNTING, MountState.DEGRADED)

log = structlog.get_logger()

Places = dict[str, set[tuple[Area, str]]]


class MountWorker:
    """Drives every mount, source and warming. Where nothing is mounted it asks the engine nothing.

    One task per instance does its steps; `idle` waits for them.
    """

    def __init__(self, control: Control) -> None:
        self._control = control
        self._busy: dict[str, asyncio.Task[None]] = {}

    async def turn(self) -> None:
        """One look at everything that is mounted or is to be."""
        engine = self._control.engine.mounts
        if engine is not None and await self._has_work():
            try:
                await self._turn(engine)
            except DswError as error:
                log.warning("mounts wait", error=error.sentence)

    async def _turn(self, engine: NodeMounts) -> None:
        await self._leave_those_at_rest()
        sources = Sources(self._control, engine)
        await Warmings(self._control, engine, sources).turn()
        rows = await self._rows()
        await self._follow(sources, rows)
        table = await engine.table()
        await self._compare(rows, table)
        strays = _strays(table, await self._rows())
        moving = {row.instance_id for row in await self._rows() if row.state in MOVING}
        for instance_id in moving | strays.keys():
            self._settle(engine, instance_id, strays.get(instance_id, set()))
        for key in sorted(await sources.unused()):
            # It may have much to send to its store yet.
            self._spawn(f"source {key}", sources.end(key))

    async def idle(self) -> None:
        """Wait until nothing is being done."""
        while self._busy:
            await asyncio.gather(*self._busy.values())

    async def sweep(self) -> None:
        """Remove what no row tells of: folders and mounts of instances that are gone, helpers,
        sources and caches."""
        engine = self._control.engine.mounts
        if engine is not None:
            try:
                await self._sweep(engine)
            except DswError as error:
                log.warning("mounts not swept", error=error.sentence)

    async def _sweep(self, engine: NodeMounts) -> None:
        strays = _strays(await engine.table(), await self._rows())
        folders = await engine.instances()
        async with self._control.db.read() as session:
            living = set(
                await session.scalars(
                    select(Instance.id).where(
                        Instance.id.in_(folders), Instance.deleted_at.is_(None)
                    )
                )
            )
            warmings = set(
                await session.scalars(select(Warming.id).where(Warming.ended_at.is_(None)))
            )
        for instance_id in strays.keys() & living:
            self._settle(engine, instance_id, strays[instance_id])
        await engine.remove_instances([key for key in folders if key not in living])
        sources = Sources(self._control, engine)
        await sources.sweep()
        await Warmings(self._control, engine, sources).forget()
        await engine.tidy(warmings)

    def _settle(
        self, engine: NodeMounts, instance_id: str, strays: Iterable[tuple[Area, str]]
    ) -> None:
        if instance_id not in self._busy:
            steps = Steps(self._control, engine)
            self._spawn(instance_id, steps.settle(instance_id, set(strays)))

    def _spawn(self, name: str, work: Coroutine[None, None, None]) -> None:
        """Do it beside the turns, unless it is being done already."""
        if name in self._busy:
            work.close()
            return
        self._busy[name] = task = asyncio.create_task(self._try(name, work))
        task.add_done_callback(partial(self._done, name))

    async def _try(self, name: str, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except DswError as error:
            log.warning("mounts wait", work=name, error=error.sentence)
        except Exception:
            log.exception("mounts failed", work=name)

    def _done(self, name: str, _task: asyncio.Task[None]) -> None:
        del self._busy[name]

    async def _has_work(self) -> bool:
        queries = (
            select(Mount.id).where(
                Mount.ended_at.is_(None), Mount.state.not_in(("Unmounted", "Failed"))
            ),
            select(DataSource.key).where(DataSource.running),
            select(Warming.id).where(Warming.ended_at.is_(None)),
        )
        async with self._control.db.read() as session:
            for query in queries:
                if await session.scalar(query.limit(1)) is not None:
                    return True
        return False

    async def _rows(self) -> list[Mount]:
        query = select(Mount).where(Mount.ended_at.is_(None), Mount.state != MountState.UNMOUNTED)
        async with self._control.db.read() as session:
            return list(await session.scalars(query))

    async def _leave_those_at_rest(self) -> None:
        """Whatever brought an instance to rest, what is mounted for it goes."""
        query = (
            select(Instance.id)
            .join(Mount, Mount.instance_id == Instance.id)
            .where(
                Mount.ended_at.is_(None),
                Mount.state.not_in((MountState.UNMOUNTED, MountState.UNMOUNTING)),
                or_(Instance.state.in_(AT_REST), Instance.deleted_at.is_not(None)),
            )
            .distinct()
        )
        async with self._control.db.read() as session:
            found = list(await session.scalars(query))
        for instance_id in found:
            async with self._control.db.write() as session:
                row = await session.get_one(Instance, instance_id, with_for_update=True)
                if row.state in AT_REST or row.deleted_at is not None:
                    await leave(session, self._control, row)

    async def _follow(self, sources: Sources, rows: list[Mount]) -> None:
        """What is shown from a source that cannot be read is Degraded."""
        for key in sorted({row.source for row in rows if row.state == MountState.MOUNTED} - {""}):
            source = await sources.drive(key)
            if source.state != SourceState.READY:
                message = source.message or "Its source is gone, and is started again."
                reason = MountReason(source.reason or MountReason.SOURCE_GONE)
                shown = [row for row in rows if row.source == key]
                await self._degrade(shown, Why(reason=reason, message=message))

    async def _compare(self, rows: list[Mount], table: MountTable) -> None:
        """What should be there and is not, or is of a mount that died, is mounted anew."""
        gone = []
        for row in rows:
            device = table.mounts.get((row.instance_id, *place_of(row)))
            alive = device is not None
            if row.source in table.sources and device != table.sources[row.source]:
                alive = False
            if not alive:
                gone.append(row)
        lost = Why(reason=MountReason.SOURCE_GONE, message="It is gone, and is mounted again.")
        await self._degrade(gone, lost)

    async def _degrade(self, rows: list[Mount], why: Why) -> None:
        told: Told = []
        mounted = [row for row in rows if row.state == MountState.MOUNTED]
        if not mounted:
            return
        async with self._control.db.write() as session:
            for seen in mounted:
                row = await session.get_one(Mount, seen.id, with_for_update=True)
                if (row.state, row.changed_at) != (seen.state, seen.changed_at):
                    continue
                row.attempts = 0
                event = become(session, self._control, row, MountState.DEGRADED, why)
                instance = await session.get_one(Instance, row.instance_id)
                if event is not None:
                    told.append((instance, event))
        tell_all(self._control, told)


def _strays(table: MountTable, rows: Iterable[Mount]) -> Places:
    """What is mounted and has no row; `rows` were read after `table`."""
    known = {(row.instance_id, *place_of(row)) for row in rows}
    strays: Places = {}
    for instance_id, area, name in table.mounts.keys() - known:
        strays.setdefault(instance_id, set()).add((area, name))
    return strays
