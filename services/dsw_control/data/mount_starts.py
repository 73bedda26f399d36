"""What a start does about datasets: they are mounted first, or it fails, or goes on without."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from dsw.base import Model
from dsw.datasets import DataAccess
from dsw.errors import Conflict, DswError
from dsw.mounts import MountKind, MountReason, MountState
from dsw.node_mounts import Area
from dsw.plan import LaunchPlan
from dsw.plan import Mount as PlanMount
from dsw.plan import MountKind as PlanKind
from dsw.workspaces import Policy
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.data.datasets import may_write, usable
from dsw_control.data.mount_outcomes import FINAL
from dsw_control.data.mount_rows import (
    Told,
    Why,
    become,
    live,
    names_of,
    place_of,
    tell_all,
)
from dsw_control.data.mount_steps import Steps
from dsw_control.data.places import located
from dsw_control.data.sources import ask_anew, key_of
from dsw_control.store.tables import Instance, Mount, Workspace

SECONDS = 25.0
"""For all datasets of a start together."""

LOOK = 0.1
"""Seconds between two looks at a source that is being made ready."""


class DatasetMissing(Conflict):
    """A dataset that a start needs could not be mounted."""


class Found(Model):
    """What a mount is of now: the number of the version, and the key of its source."""

    version: int
    source: str


async def look_up(session: AsyncSession, control: Control, instance: Instance, row: Mount) -> Found:
    """What the mount would show, as far as the instance's owner may have it now."""
    owner = Caller(name=instance.owner)
    dataset, version = await usable(
        session, owner, instance.workspace_id, row.dataset_id, row.version
    )
    place = await located(session, control, dataset, version)
    writes = row.access == DataAccess.RW
    if writes and not (place.writable and await may_write(session, owner, dataset)):
        raise Conflict(f"{instance.owner} may not write to {dataset.name!r}.", "Mount it to read.")
    return Found(
        version=version.number, source=key_of(dataset.id, version.number, place, not writes)
    )


async def prepare(session: AsyncSession, control: Control, instance: Instance) -> None:
    """The mounts that a start brings, each of the version that it is to have."""
    if control.engine.mounts is None:
        return
    for row in await session.scalars(live(instance.id)):
        if not row.desired:
            continue
        row.attempts, row.force = 0, False
        try:
            found = await look_up(session, control, instance, row)
        except DswError as error:
            why = Why(reason=MountReason.REFUSED, message=error.sentence)
            become(session, control, row, MountState.FAILED, why)
            continue
        row.mounted_version, row.source = found.version, found.source
        await ask_anew(session, control, found.source)
        become(session, control, row, MountState.MOUNTING, Why(reason=MountReason.REQUESTED))


async def bring(control: Control, plan: LaunchPlan, seconds: float = SECONDS) -> LaunchPlan:
    """The plan with where datasets appear, once they are mounted; `DatasetMissing` when one of the
    instance's own cannot be had and the workspace wants no start without it."""
    engine = control.engine.mounts
    if engine is None:
        return plan
    mounts = [*plan.mounts, *await engine.anchors(plan.instance_id)]
    rows = await _rows(control, plan.instance_id)
    for row in rows:
        area, name = place_of(row)
        if area is Area.PATHS and row.desired:
            source = await engine.path_source(plan.instance_id, name)
            mounts.append(
                PlanMount(kind=PlanKind.BIND, source=source, target=row.target, follows=True)
            )
    if rows:
        await _mount(control, Steps(control, engine), plan.instance_id, seconds)
        await _judge(control, plan.instance_id, seconds)
    return plan.model_copy(update={"mounts": mounts})


async def _mount(control: Control, steps: Steps, instance_id: str, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            while True:
                await steps.settle(instance_id)
                rows = await _rows(control, instance_id)
                if all(row.state != MountState.MOUNTING for row in rows):
                    return
                await asyncio.sleep(LOOK)
    except TimeoutError:
        return


async def _judge(control: Control, instance_id: str, seconds: float) -> None:
    """What is not mounted by now: `DatasetMissing`, or it is tried again while the instance runs.
    No start waits for what was mounted while the last run lasted."""
    told: Told = []
    missing: list[Mount] = []
    async with control.db.write() as session:
        instance = await session.get_one(Instance, instance_id)
        workspace = await session.get_one(Workspace, instance.workspace_id)
        strict = Policy.model_validate(workspace.policy).data.unreachable == "fail"
        for row in await session.scalars(live(instance_id).with_for_update()):
            if not row.desired or row.state in (MountState.MOUNTED, MountState.UNMOUNTED):
                continue
            needed = strict and (row.kind == MountKind.STATIC or row.keep)
            why = Why(reason=MountReason(row.reason), message=row.message)
            if row.state == MountState.MOUNTING:
                late = f"It did not answer within {seconds:.0f} seconds."
                reason = MountReason.SOURCE_UNREACHABLE
                why = Why(reason=reason, message=row.message or late)
            ends = needed or why.reason in FINAL
            state = MountState.FAILED if ends else MountState.DEGRADED
            if event := become(session, control, row, state, why):
                told.append((instance, event))
            if needed:
                missing.append(row)
        names = await names_of(session, [row.dataset_id for row in missing])
    tell_all(control, told)
    if missing:
        raise _missing(missing, names)


def _missing(rows: Sequence[Mount], names: dict[str, str]) -> DatasetMissing:
    reasons = [f"The dataset {names[row.dataset_id]!r}: {row.message}" for row in rows]
    return DatasetMissing(
        f"{' '.join(reasons)} It was not mounted, and so the instance was not started.",
        "Try again when it can be reached, or start without it.",
    )


async def _rows(control: Control, instance_id: str) -> list[Mount]:
    async with control.db.read() as session:
        return list(await session.scalars(live(instance_id)))
