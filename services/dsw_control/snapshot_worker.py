"""The reconciler of snapshots: starts the helper, follows it, and cleans up after it."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from functools import partial

import structlog
from sqlalchemy import select

from dsw.agent import AgentReport
from dsw.errors import DswError, Unavailable
from dsw.instances import InstanceState
from dsw.snapshots import ENDED, SnapshotState
from dsw_control.context import Control
from dsw_control.engines.base import AgentStatus
from dsw_control.history import add_event, tell
from dsw_control.snapshot_folders import SnapshotFolders
from dsw_control.snapshot_requests import snapshot_request
from dsw_control.snapshot_results import Outcome, end_snapshot, remove_left_behind, saved_image
from dsw_control.snapshots import ENDED_STATES
from dsw_control.store.tables import Event, Instance, Snapshot

log = structlog.get_logger()

STEP = 5.0
"""Seconds that a turn waits for its steps: what takes longer, such as pushing a base image, goes on
beside the others."""

PATIENCE = 60.0
"""Seconds that a helper has to end when it was asked to."""


class SnapshotWorker:
    """Drives each snapshot that has not ended. The helper outlives control, so that a restart only
    looks where it is by now."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._folders = SnapshotFolders(control.settings)
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._cancelled: dict[str, float] = {}

    async def turn(self) -> None:
        """One look at every running snapshot that no step is under way for."""
        async with self._control.db.read() as session:
            query = select(Snapshot).where(Snapshot.state.not_in(ENDED_STATES))
            rows = (await session.scalars(query)).all()
        steps = []
        for row in rows:
            if row.id not in self._busy:
                step = asyncio.create_task(self._drive(row), name=f"snapshot {row.id}")
                self._busy[row.id] = step
                step.add_done_callback(partial(self._done, row.id))
                steps.append(step)
        if steps:
            await asyncio.wait(steps, timeout=STEP)

    def _done(self, snapshot_id: str, step: asyncio.Task[None]) -> None:
        del self._busy[snapshot_id]
        if not step.cancelled() and (error := step.exception()) is not None:
            log.error("snapshot step failed", snapshot=snapshot_id, error=repr(error))

    async def thaw(self) -> None:
        """Let run what a helper that was killed left frozen."""
        with suppress(Unavailable):
            for instance_id in await self._control.engine.thaw_abandoned():
                log.warning("thawed an instance that a helper left frozen", instance=instance_id)

    async def sweep(self) -> None:
        """Clean up after helpers whose snapshot or forecast has ended, as a crash may leave them,
        and forget what was kept for instances that are deleted."""
        for helper_id in await self._control.engine.agents():
            if self._control.forecasts.is_left(helper_id):
                await self._control.engine.remove_agent(helper_id)
            elif helper_id.startswith("snap-"):
                await self._settle(helper_id)
        for instance_id in await asyncio.to_thread(self._folders.instances):
            await self._settle_all(instance_id)
            async with self._control.db.read() as session:
                instance = await session.get(Instance, instance_id)
            if instance is None or instance.deleted_at is not None:
                left = await asyncio.to_thread(self._folders.snapshots, instance_id)
                if not left:
                    await asyncio.to_thread(self._folders.forget, instance_id)

    async def _settle_all(self, instance_id: str) -> None:
        """Clean up after all ended snapshots of an instance, in their order."""
        left = await asyncio.to_thread(self._folders.snapshots, instance_id)
        async with self._control.db.read() as session:
            query = select(Snapshot.id).where(Snapshot.id.in_(left))
            known = list(await session.scalars(query.order_by(Snapshot.created_at, Snapshot.id)))
        for snapshot_id in known:
            await self._settle(snapshot_id)
        for snapshot_id in set(left) - set(known):
            await asyncio.to_thread(self._folders.drop, instance_id, snapshot_id)

    async def _settle(self, snapshot_id: str) -> None:
        """Once it has ended: its index is the instance's when it was saved, its helper goes."""
        async with self._control.db.read() as session:
            row = await session.get(Snapshot, snapshot_id)
        if row is not None and row.state not in ENDED_STATES:
            return
        if row is not None:
            kept = row.state == SnapshotState.SAVED
            clean = self._folders.keep if kept else self._folders.drop
            await asyncio.to_thread(clean, row.instance_id, row.id)
        await self._control.engine.remove_agent(snapshot_id)

    async def _drive(self, row: Snapshot) -> None:
        try:
            status = await self._control.engine.agent_status(row.id)
            if status is None and row.state == SnapshotState.PREPARING:
                ended = await self._begin(row)
            elif status is None:
                await self._fail(row, _failure(row, None, "was removed"), killed=True)
                ended = True
            else:
                ended = await self._follow(row, status)
        except Unavailable as error:
            log.warning("snapshot waits", snapshot=row.id, error=error.sentence)
            return
        except DswError as error:
            await self._fail(row, Outcome(SnapshotState.FAILED, error.code, error.sentence))
            ended = True
        if ended:
            self._cancelled.pop(row.id, None)
            await self._settle(row.id)

    async def _begin(self, row: Snapshot) -> bool:
        """Start the helper; whether the snapshot has ended already."""
        if row.cancel:
            await end_snapshot(self._control, row.id, Outcome(SnapshotState.CANCELLED))
            return True
        if await self._has_another(row):
            return False
        await self._settle_all(row.instance_id)
        source = await self._control.engine.snapshot_source(row.instance_id)
        request = await snapshot_request(self._control, row, source)
        async with self._control.db.write() as session:
            now = await session.get_one(Snapshot, row.id)
            if now.cancel:
                return False
            instance = await session.get_one(Instance, row.instance_id)
            if instance.state == InstanceState.RUNNING:
                instance.state = InstanceState.SAVING
        tell(self._control, instance)
        await self._control.engine.start_agent(request)
        return False

    async def _has_another(self, row: Snapshot) -> bool:
        """Whether one that was asked for earlier still runs, such as one that the stop cancelled
        which this one follows."""
        async with self._control.db.read() as session:
            others = await session.scalars(
                select(Snapshot).where(
                    Snapshot.instance_id == row.instance_id, Snapshot.state.not_in(ENDED_STATES)
                )
            )
            return any((one.created_at, one.id) < (row.created_at, row.id) for one in others)

    async def _follow(self, row: Snapshot, status: AgentStatus) -> bool:
        """Write down how far the helper is; whether it has ended."""
        if status.exit_code is None:
            if row.cancel:
                return await self._cancel(row)
            await self._progress(row, status.reports)
            return False
        last = status.reports[-1] if status.reports else None
        if last is not None and last.state is SnapshotState.SAVED and status.exit_code == 0:
            image = await saved_image(self._control, self._folders, row, last)
            await end_snapshot(self._control, row.id, image)
        else:
            how = f"ended with exit code {status.exit_code}"
            killed = last is None or last.state not in ENDED
            await self._fail(row, _failure(row, last, how), killed)
        return True

    async def _cancel(self, row: Snapshot) -> bool:
        """Ask the helper to end; one that does not is killed, and then it has ended."""
        first = self._cancelled.setdefault(row.id, time.monotonic())
        if time.monotonic() - first < PATIENCE:
            await self._control.engine.cancel_agent(row.id)
            return False
        await self._control.engine.remove_agent(row.id)
        how = "did not end when it was asked to"
        await self._fail(row, _failure(row, None, how), killed=True)
        return True

    async def _fail(self, row: Snapshot, outcome: Outcome, killed: bool = False) -> None:
        """It has ended without an image. A helper that was killed may have left one."""
        await remove_left_behind(self._control, row, killed)
        await end_snapshot(self._control, row.id, outcome)

    async def _progress(self, row: Snapshot, reports: list[AgentReport]) -> None:
        """What the helper told since the last look, each state that it went through an event."""
        steps = _news(SnapshotState(row.state), reports)
        if not steps:
            return
        events: list[Event] = []
        async with self._control.db.write() as session:
            now = await session.get_one(Snapshot, row.id)
            for report in steps:
                moved = now.state != report.state
                _show(now, report)
                if moved:
                    events.append(add_event(session, self._control, now))
        if not events:
            tell(self._control, now)
        for event in events:
            tell(self._control, now, event)


def _news(state: SnapshotState, reports: list[AgentReport]) -> list[AgentReport]:
    """The reports from the last one of the present state on, or all when it is not among them.

    An end is only an end when the helper has gone with the exit code that fits.
    """
    told = [report for report in reports if report.state not in ENDED]
    known = [number for number, report in enumerate(told) if report.state is state]
    return told[known[-1] :] if known else told


def _show(row: Snapshot, report: AgentReport) -> None:
    row.state, row.message = report.state, report.message
    row.bytes_done, row.bytes_total = report.bytes_done, report.bytes_total
    row.rate, row.seconds_left = report.rate, report.seconds_left
    row.frozen_ms = row.frozen_ms if report.frozen_ms is None else report.frozen_ms


def _failure(row: Snapshot, last: AgentReport | None, how: str) -> Outcome:
    if row.cancel or (last is not None and last.state is SnapshotState.CANCELLED):
        return Outcome(SnapshotState.CANCELLED)
    if last is not None and last.state is SnapshotState.FAILED:
        return Outcome(SnapshotState.FAILED, last.reason, last.message)
    return Outcome(
        SnapshotState.FAILED,
        "HelperEnded",
        f"The helper {how} before the image was complete. Save it again.",
    )
