"""One look at the mounts of an instance: what is to be done now, done by one helper for all."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.datasets import DataAccess
from dsw.errors import Conflict, DswError
from dsw.instances import AT_REST, Desired, InstanceState
from dsw.locations import LocationKind
from dsw.mounts import MountReason, MountState
from dsw.node_mounts import (
    CHECKOUT,
    Area,
    Attach,
    Detach,
    FolderRoot,
    NodeMountResult,
    NodeMountsRequest,
    SourceState,
)
from dsw_control.context import Control
from dsw_control.data.mount_outcomes import Outcome
from dsw_control.data.mount_rows import Told, Why, live, place_of, tell_all
from dsw_control.data.places import Place, located
from dsw_control.data.sources import Sources
from dsw_control.engines.base import NodeMounts
from dsw_control.store.tables import Dataset, DatasetVersion, DataSource, Instance, Mount

NOT_YET = AT_REST | {InstanceState.CREATING, InstanceState.QUEUING}
"""States of an instance that has no container to show anything to."""

LONGEST_PAUSE = 30
"""Seconds between two tries of what fails again and again."""

AGED = Why(
    reason=MountReason.NEEDS_NEW_CONTAINER,
    message="Its container was made before datasets could be mounted. Stop the instance and change "
    "it with discard_changes, which loses what was installed in it, or save it as an image first.",
)

log = structlog.get_logger()


@dataclass
class Work:
    """What is to be done for an instance; each step with the row that it is for, if any."""

    instance: Instance | None
    detach: list[tuple[Mount | None, Detach]] = field(default_factory=list)
    attach: list[tuple[Mount, Attach]] = field(default_factory=list)
    failed: list[tuple[Mount, Why]] = field(default_factory=list)
    waiting: list[tuple[Mount, DataSource]] = field(default_factory=list)

    @property
    def request(self) -> NodeMountsRequest:
        """The steps for the helper."""
        return NodeMountsRequest(
            detach=[step for _, step in self.detach], attach=[step for _, step in self.attach]
        )


class Steps:
    """Does the steps of one instance at a time."""

    def __init__(self, control: Control, engine: NodeMounts) -> None:
        self._control = control
        self._engine = engine
        self._sources = Sources(control, engine)

    async def settle(
        self, instance_id: str, strays: Collection[tuple[Area, str]] = frozenset()
    ) -> None:
        """Do what its rows ask for, and take away `strays` of which no row tells."""
        async with self._control.locks.of(f"mounts {instance_id}"):
            work = await self._work(instance_id, strays)
            request = work.request
            if request.detach or request.attach:
                results = await self._engine.apply(request)
                await self._write(work, results)
            elif work.failed or work.waiting:
                await self._write(work, [])

    async def _work(self, instance_id: str, strays: Collection[tuple[Area, str]]) -> Work:
        control = self._control
        async with control.db.read() as session:
            instance = await session.get(Instance, instance_id)
            rows = list(await session.scalars(live(instance_id)))
        work = Work(instance)
        there = {place_of(row) for row in rows if row.state != MountState.UNMOUNTED}
        for area, name in strays:
            if (area, name) not in there:
                step = Detach(instance_id=instance_id, area=area, name=name, force=True)
                work.detach.append((None, step))
        if instance is None:
            return work
        runs = instance.deleted_at is None and instance.state not in NOT_YET
        wanted = instance.desired == Desired.RUNNING and instance.state not in AT_REST
        aged: bool | None = None
        for row in rows:
            if row.state == MountState.UNMOUNTING and _is_due(control, row):
                area, name = place_of(row)
                force = row.force or not runs
                step = Detach(instance_id=instance_id, area=area, name=name, force=force)
                work.detach.append((row, step))
            elif wanted and _to_mount(row):
                if aged is None and row.state == MountState.MOUNTING:
                    aged = not instance.replace and await self._engine.lacks_anchors(instance_id)
                if aged:
                    work.failed.append((row, AGED))
                else:
                    await self._plan_attach(work, row)
        return work

    async def _plan_attach(self, work: Work, row: Mount) -> None:
        try:
            async with self._control.db.read() as session:
                place = await _place(session, self._control, row)
            if row.source:
                source = await self._sources.drive(row.source)
                if source.state != SourceState.READY:
                    if _is_news(row, source):
                        work.waiting.append((row, source))
                    return
            elif not _is_due(self._control, row):
                return
            work.attach.append((row, await self._attach(row, place)))
        except DswError as error:
            work.failed.append((row, Why(reason=MountReason.REFUSED, message=error.sentence)))

    async def _attach(self, row: Mount, place: Place) -> Attach:
        area, name = place_of(row)
        shown = Attach(
            instance_id=row.instance_id,
            area=area,
            name=name,
            read_only=row.access != DataAccess.RW,
        )
        if place.store is not None:
            return shown.model_copy(update={"source": row.source})
        root, path = place.root, place.path
        if place.repository is not None:
            root, path = FolderRoot(path=await self._engine.cache_folder(row.source)), CHECKOUT
        return shown.model_copy(update={"root": root, "path": path})

    async def _write(self, work: Work, results: list[NodeMountResult]) -> None:
        """What came of it, for the rows that are still as they were when the work began."""
        told: Told = []
        async with self._control.db.write() as session:
            outcome = Outcome(session, self._control, work.instance, told)
            for (row, _), result in zip(work.detach, results, strict=False):
                if row is not None:
                    await outcome.detached(row, result)
            for (row, _), result in zip(work.attach, results[len(work.detach) :], strict=False):
                await outcome.attached(row, result)
            for row, why in work.failed:
                await outcome.not_attached(row, why)
            for row, source in work.waiting:
                await outcome.waits(row, source)
        tell_all(self._control, told)


def _to_mount(row: Mount) -> bool:
    return row.desired and row.state in (MountState.MOUNTING, MountState.DEGRADED)


def _is_due(control: Control, row: Mount) -> bool:
    """At once at first, then after ever longer pauses."""
    if not row.attempts:
        return True
    pause = timedelta(seconds=min(2**row.attempts, LONGEST_PAUSE))
    return control.clock() - row.changed_at >= pause


def _is_news(row: Mount, source: DataSource) -> bool:
    if source.state == SourceState.PREPARING:
        return bool(source.report.get("percent") != row.percent)
    return row.state != MountState.DEGRADED or row.message != source.message


async def _place(session: AsyncSession, control: Control, row: Mount) -> Place:
    dataset = await session.get_one(Dataset, row.dataset_id)
    version = await session.get_one(DatasetVersion, (row.dataset_id, row.mounted_version))
    place = await located(session, control, dataset, version)
    if place.kind is LocationKind.PVC:
        raise Conflict("A claim can be mounted on Kubernetes only.", "This engine is Docker.")
    return place
