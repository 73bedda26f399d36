"""The reconciler of snapshots: starts the helper, follows it, and makes its result an image."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import structlog
from sqlalchemy import select

from dsw.agent import AgentReport, AgentRequest
from dsw.errors import DswError, NotFound, Unavailable
from dsw.images import ImageSource, ImageUse, Visibility
from dsw.instances import InstanceState
from dsw.names import image_tag, new_id
from dsw.roles import Action
from dsw.snapshots import ENDED, SnapshotState
from dsw_control.context import Control
from dsw_control.engines.base import SnapshotSource
from dsw_control.history import add_event, tell
from dsw_control.records.audit import record
from dsw_control.registries import credential_for, target_for
from dsw_control.snapshots import ENDED_STATES
from dsw_control.store.tables import Image, Instance, Snapshot

log = structlog.get_logger()


@dataclass
class Outcome:
    """How a snapshot ended."""

    state: SnapshotState
    reason: str = ""
    message: str = ""
    image: Image | None = None


class SnapshotWorker:
    """Drives each snapshot that has not ended. The helper outlives control, so that a restart only
    looks where it is by now."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def turn(self) -> None:
        """One look at every running snapshot."""
        async with self._control.db.read() as session:
            rows = (
                await session.scalars(select(Snapshot).where(Snapshot.state.not_in(ENDED_STATES)))
            ).all()
        results = await asyncio.gather(*(self._drive(row) for row in rows), return_exceptions=True)
        for row, result in zip(rows, results, strict=True):
            if isinstance(result, Exception):
                log.error("snapshot step failed", snapshot=row.id, error=repr(result))

    async def sweep(self) -> None:
        """Clean up after helpers whose snapshot has ended, as a crash may leave them."""
        agents = await self._control.engine.agents()
        async with self._control.db.read() as session:
            rows = await session.scalars(
                select(Snapshot.id).where(
                    Snapshot.id.in_(agents), Snapshot.state.not_in(ENDED_STATES)
                )
            )
            running = set(rows)
        for snapshot_id in agents:
            if snapshot_id.startswith("snap-") and snapshot_id not in running:
                await self._control.engine.remove_agent(snapshot_id)

    async def _drive(self, row: Snapshot) -> None:
        engine = self._control.engine
        try:
            status = await engine.agent_status(row.id)
            if status is None:
                await self._begin(row)
                return
            if row.cancel and status.exit_code is None:
                await engine.cancel_agent(row.id)
            last = status.reports[-1] if status.reports else None
            if status.exit_code is None:
                # An end is only an end when the helper has gone with the exit code that fits.
                if last is not None and last.state not in ENDED:
                    await self._progress(row, last)
                return
            await self._end(row, await self._outcome(row, last, status.exit_code))
        except Unavailable as error:
            log.warning("snapshot waits for the engine", snapshot=row.id, error=error.sentence)
            return
        except DswError as error:
            await self._end(row, Outcome(SnapshotState.FAILED, error.code, error.sentence))
        await engine.remove_agent(row.id)

    async def _begin(self, row: Snapshot) -> None:
        if row.cancel:
            await self._end(row, Outcome(SnapshotState.CANCELLED))
            return
        if row.state != SnapshotState.PREPARING:
            raise NotFound("The helper that took the snapshot is gone.", "Start it again.")
        source = await self._control.engine.snapshot_source(row.instance_id)
        await self._set_instance(row.instance_id, InstanceState.RUNNING, InstanceState.SAVING)
        await self._control.engine.start_agent(await self._request(row, source))

    async def _request(self, row: Snapshot, source: SnapshotSource) -> AgentRequest:
        async with self._control.db.read() as session:
            parent = await session.get_one(Image, row.parent_id)
        return AgentRequest(
            snapshot_id=row.id,
            upper=source.upper,
            base_image=source.base,
            base_config=source.base_config,
            mounts=source.mounts,
            labels={"dsw.snapshot": row.id, "dsw.parent": parent.id},
            author=row.owner,
            created=row.created_at,
            comment=f"saved from {row.instance_id}",
            target=await target_for(self._control, row, source.base),
        )

    async def _progress(self, row: Snapshot, report: AgentReport) -> None:
        async with self._control.db.write() as session:
            now = await session.get_one(Snapshot, row.id)
            moved = now.state != report.state
            now.state, now.message = report.state, report.message
            now.bytes_done, now.bytes_total = report.bytes_done, report.bytes_total
            event = add_event(session, self._control, now) if moved else None
        tell(self._control, now, event)

    async def _outcome(self, row: Snapshot, last: AgentReport | None, exit_code: int) -> Outcome:
        if last is not None and last.state is SnapshotState.SAVED and exit_code == 0:
            return await self._saved(row, last)
        if row.cancel or (last is not None and last.state is SnapshotState.CANCELLED):
            return Outcome(SnapshotState.CANCELLED)
        if last is not None and last.state is SnapshotState.FAILED:
            return Outcome(SnapshotState.FAILED, last.reason, last.message)
        return Outcome(
            SnapshotState.FAILED,
            "HelperEnded",
            f"The helper ended with exit code {exit_code} before the image was complete. "
            "Start it again.",
        )

    async def _saved(self, row: Snapshot, report: AgentReport) -> Outcome:
        found = await self._control.engine.image(report.image)
        if found is None and "@" not in report.image:
            raise NotFound("The engine does not have the image that was saved.", "Save it again.")
        async with self._control.db.read() as session:
            parent = await session.get_one(Image, row.parent_id)
            credential = await credential_for(
                session, self._control, row.workspace_id, report.image
            )
        tag = image_tag(self._control.settings.installation, row.id)
        left_out = f"Left out: {', '.join(report.skipped[:20])}" if report.skipped else ""
        return Outcome(
            SnapshotState.SAVED,
            message=left_out,
            image=Image(
                id=new_id("img"),
                name=row.name,
                description=row.description,
                source=ImageSource.SNAPSHOT,
                workspace_id=row.workspace_id,
                owner=row.owner,
                reference=report.image if "@" in report.image else tag,
                digest=report.image,
                size=found.size if found else report.size,
                visibility=Visibility.PRIVATE,
                # Its configuration is that of its parent, and it has run as an instance.
                labels=parent.labels,
                platform=parent.platform,
                use=ImageUse.INSTANCE,
                apps=parent.apps,
                credential=credential,
                parent_id=row.parent_id,
                instance_id=row.instance_id,
                available=True,
                created_at=self._control.clock(),
            ),
        )

    async def _end(self, row: Snapshot, outcome: Outcome) -> None:
        control = self._control
        async with control.db.write() as session:
            now = await session.get_one(Snapshot, row.id)
            if now.state in ENDED_STATES:
                return
            now.state, now.reason, now.message = outcome.state, outcome.reason, outcome.message
            now.ended_at = control.clock()
            if outcome.image is not None:
                session.add(outcome.image)
                now.image_id = outcome.image.id
                target = (outcome.image.id, now.workspace_id)
                record(session, control, None, Action.SNAPSHOT_OWN, target, snapshot=now.id)
                now.bytes_done = now.bytes_total or now.bytes_done
            event = add_event(session, control, now)
        log.info("snapshot", snapshot=now.id, state=now.state, reason=now.reason)
        tell(control, now, event)
        if outcome.image is not None:
            tell(control, outcome.image)
        await self._set_instance(row.instance_id, InstanceState.SAVING, InstanceState.RUNNING)

    async def _set_instance(self, instance_id: str, old: InstanceState, new: InstanceState) -> None:
        async with self._control.db.write() as session:
            row = await session.get(Instance, instance_id)
            if row is None or row.state != old:
                return
            row.state = new
        tell(self._control, row)
