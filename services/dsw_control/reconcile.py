"""The reconciler of instances: gathers the facts, asks `dsw.lifecycle`, does the one step."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from sqlalchemy import and_, not_, or_, select, true

from dsw.errors import DswError, RemoteError, Unavailable
from dsw.instances import AT_REST, IS_UP, Desired, InstanceState, Reason
from dsw.lifecycle import ContainerView, Do, Facts, HubView, Step, next_step
from dsw_control.context import Control
from dsw_control.engines.base import Exit
from dsw_control.history import add_event, tell, tell_gone
from dsw_control.hub import hub_view
from dsw_control.instance_rows import end
from dsw_control.reports import note_failure
from dsw_control.saving_at_stops import Saving, save_at_stop
from dsw_control.sentences import sentence_for
from dsw_control.snapshots import ENDED_STATES
from dsw_control.store.tables import Allocation, Instance, Snapshot

log = structlog.get_logger()

SETTLED = timedelta(seconds=6)
"""How long silence must last before it is acted on: longer than the spawner's retry of a report."""

REPORT_LOOKS, REPORT_PAUSE = 20, 0.1
"""How often, and how many seconds apart, a spawner's report of a refused start is looked for."""

TOLD = frozenset({Reason.RUN_TIME_LIMIT, Reason.MEMBER_REMOVED})
"""Why it was to stop, with a sentence of its own, which stays to be read when it has."""

ALL_AGAIN = 2.0
"""Seconds after which those that are simply up are looked at, too; a wake is about the others."""

HUB_CALLS = 8
"""How many users the hub is asked about at a time."""

STABLE = timedelta(minutes=10)
"""A server that was up this long has shown that it works: its failed starts are forgotten."""


class Reconciler:
    """Drives every instance towards what is wanted. One step at a time per instance."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._held: frozenset[str] = frozenset()
        self._saving: frozenset[str] = frozenset()
        self._looked_at_all = -ALL_AGAIN

    async def turn(self) -> None:
        """Look at the instances that are not at rest, and start a step for each that needs one.

        Those that are up and are to stay so are looked at now and then: there may be thousands.
        """
        began = time.monotonic()
        with_those_up = began - self._looked_at_all >= ALL_AGAIN
        busy = set(self._busy)
        rows = [row for row in await self._rows(with_those_up) if row.id not in busy]
        self._held, self._saving = await self._holders(), await self._being_saved()
        containers = await self._containers()
        users = await self._users(rows)
        if with_those_up:
            self._looked_at_all = began
        for row in rows:
            step = next_step(facts := await self._facts(row, users, containers))
            if step.do is Do.WAIT:
                continue
            task = asyncio.create_task(self._do(row, step, facts), name=f"instance {row.id}")
            self._busy[row.id] = task
            task.add_done_callback(partial(self._done, row.id))

    def _done(self, instance_id: str, _task: asyncio.Task[None]) -> None:
        del self._busy[instance_id]

    async def _rows(self, with_those_up: bool) -> Sequence[Instance]:
        async with self._control.db.read() as session:
            return (
                await session.scalars(
                    select(Instance).where(
                        true() if with_those_up else not_(_STAYS_UP),
                        Instance.deleted_at.is_(None),
                        or_(
                            Instance.state.not_in([state.value for state in AT_REST]),
                            Instance.desired == Desired.DELETED,
                            Instance.id.in_(_HOLDERS),
                        ),
                        # Who waits is the queue's to move.
                        or_(
                            Instance.state != InstanceState.QUEUING,
                            Instance.desired != Desired.RUNNING,
                        ),
                    )
                )
            ).all()

    async def _holders(self) -> frozenset[str]:
        async with self._control.db.read() as session:
            return frozenset(await session.scalars(_HOLDERS))

    async def _being_saved(self) -> frozenset[str]:
        async with self._control.db.read() as session:
            return frozenset(await session.scalars(_SAVED_NOW))

    async def _containers(self) -> dict[str, ContainerView] | None:
        try:
            return await self._control.engine.containers()
        except DswError:
            return None

    async def _users(self, rows: Sequence[Instance]) -> dict[str, Any]:
        """User models by name: those with running servers in few pages, the rest one by one."""
        users: dict[str, Any] = {}
        if not rows:
            return users
        try:
            if any(row.state in IS_UP for row in rows):
                async for model in self._control.hub.users(state="active"):
                    users[model["name"]] = model
            moving = {row.owner for row in rows if row.state not in IS_UP}
            moving |= {row.owner for row in rows} - users.keys()
            users |= await self._each(moving)
        except DswError as error:
            log.warning("hub not readable", error=error.sentence)
            return {}
        return users

    async def _each(self, owners: set[str]) -> dict[str, Any]:
        """The models of these users, a few asked for at a time."""
        free = asyncio.Semaphore(HUB_CALLS)

        async def ask(owner: str) -> tuple[str, Any]:
            async with free:
                return owner, await self._control.hub.user(owner)

        return dict(await asyncio.gather(*(ask(owner) for owner in owners)))

    async def _facts(
        self,
        row: Instance,
        users: dict[str, Any],
        containers: dict[str, ContainerView] | None,
    ) -> Facts:
        hub = hub_view(users[row.owner], row.name) if row.owner in users else HubView.UNKNOWN
        container = _container(self._control, row, containers)
        ended = Exit()
        if container is ContainerView.EXITED and row.state in IS_UP:
            ended = await self._control.engine.exit_of(row.id)
        return Facts(
            desired=Desired(row.desired),
            state=InstanceState(row.state),
            hub=hub,
            container=container,
            admitted=row.id in self._held,
            saving=row.id in self._saving,
            asked=row.asked,
            failure=Reason(row.failure),
            exit_code=ended.code,
            oom=ended.oom,
            attempts=row.attempts,
            settled=self._control.clock() - row.changed_at > SETTLED,
        )

    async def _do(self, row: Instance, step: Step, facts: Facts) -> None:
        control = self._control
        try:
            if step.do is Do.ASK_HUB_TO_START:
                await self._start(row, step)
            elif step.do is Do.ASK_HUB_TO_STOP:
                await control.hub.stop(row.owner, row.name)
            elif step.do is Do.ASK_HUB_TO_DELETE:
                await control.hub.delete(row.owner, row.name)
            elif step.do is Do.STOP_CONTAINER:
                await control.engine.stop(row.id)
            elif step.do is Do.REMOVE_CONTAINER:
                await control.engine.remove(row.id)
            elif step.do is Do.FORGET:
                await self._forget(row)
            elif step.do is Do.QUEUE:
                await self._queue(row)
            else:
                await self._become(row, step, facts)
        except Unavailable as error:
            log.warning("step postponed", instance=row.id, step=step.do, error=error.sentence)
            await asyncio.sleep(1)
        except DswError as error:
            log.warning("step failed", instance=row.id, step=step.do, error=error.sentence)
            await asyncio.sleep(1)
        finally:
            control.wake.set()
            control.wake_queue.set()

    async def _queue(self, row: Instance) -> None:
        """It is wanted and holds nothing: it takes its place at the end of the queue."""
        control = self._control
        async with control.db.write() as session:
            now = await session.get_one(Instance, row.id)
            if (now.desired, now.state, now.attempt) != (row.desired, row.state, row.attempt):
                return
            now.state, now.passed = InstanceState.QUEUING, 0
            now.queued_at = now.queue_at = control.clock()
            event = add_event(session, control, now)
        tell(control, now, event)

    async def _start(self, row: Instance, step: Step) -> None:
        control = self._control
        async with control.db.write() as session:
            now = await session.get_one(Instance, row.id)
            if now.desired != Desired.RUNNING or now.attempt != row.attempt:
                return
            now.asked, now.attempts = True, now.attempts + 1
            now.state, now.reason = step.state, ""
            now.message = "Resources are reserved; the hub is asked to start the server."
            now.changed_at = control.clock()
            event = add_event(session, control, now)
        tell(control, now, event)
        try:
            await control.hub.start(row.owner, row.name, row.attempt + 1)
        except Unavailable:
            # The hub never heard of it: this was no attempt.
            async with control.db.write() as session:
                now = await session.get_one(Instance, row.id)
                now.asked, now.attempts = False, max(now.attempts - 1, 0)
            raise
        except RemoteError as error:
            if not await self._reported(row.id):
                await note_failure(control, row.id, Reason.HUB_REFUSED, error.message)

    async def _reported(self, instance_id: str) -> bool:
        """Whether the spawner tells the reason itself, which it may do after the hub's answer."""
        for _ in range(REPORT_LOOKS):
            async with self._control.db.read() as session:
                row = await session.get_one(Instance, instance_id)
            # A spawner whose hub went away takes the start back instead of failing it.
            if row.failure or not row.asked:
                return True
            await asyncio.sleep(REPORT_PAUSE)
        return False

    async def _become(self, row: Instance, step: Step, facts: Facts) -> None:
        """The state changes, with its reason and its sentence."""
        control = self._control
        message = await sentence_for(control, row, step, facts)
        saving: Saving | None = None
        async with control.db.write() as session:
            now = await session.get_one(Instance, row.id, with_for_update=True)
            if (now.desired, now.state, now.attempt) != (row.desired, row.state, row.attempt):
                return
            if step.state is InstanceState.FAILED and now.failure:
                now.reason = now.failure
            elif now.reason not in TOLD or step.state is not InstanceState.STOPPED:
                now.reason, now.message = step.reason, message
            now.state = step.state
            now.percent, now.changed_at = None, control.clock()
            if step.state is InstanceState.RUNNING:
                now.started_at, now.stopped_at = control.clock(), None
                now.failure, now.asked, now.replace = "", False, False
            elif step.state is InstanceState.RECOVERING:
                if now.started_at and control.clock() - now.started_at > STABLE:
                    now.attempts = 0
                now.asked, now.endpoints = False, None
            elif step.state in AT_REST:
                now.desired = Desired.STOPPED
                if step.state is InstanceState.STOPPED:
                    saving = await save_at_stop(session, control, now, facts.container)
                await end(session, control, now)
            event = add_event(session, control, now)
        log.info("instance", instance=now.id, state=now.state, reason=now.reason)
        tell(control, now, event)
        if step.state in AT_REST:
            control.wake_mounts.set()
        if saving is not None:
            tell(control, *saving)
            control.wake_snapshots.set()

    async def _forget(self, row: Instance) -> None:
        control = self._control
        async with control.db.write() as session:
            now = await session.get_one(Instance, row.id)
            now.deleted_at = control.clock()
            await end(session, control, now)
        log.info("instance deleted", instance=row.id)
        tell_gone(control, now)
        control.wake_mounts.set()
        control.wake_mount_sweep.set()

    async def sweep(self) -> None:
        """End containers that no instance owns: left by a crash between two steps."""
        control = self._control
        containers = await control.engine.containers()
        async with control.db.read() as session:
            rows = await session.scalars(select(Instance).where(Instance.id.in_(containers)))
            known = {row.id: row for row in rows}
        for instance_id, view in containers.items():
            row = known.get(instance_id)
            if row is not None and row.deleted_at is not None:
                log.warning("removing the container of a deleted instance", instance=instance_id)
                await control.engine.remove(instance_id)
            elif view is ContainerView.RUNNING and (
                row is None or (row.desired == Desired.STOPPED and row.state in AT_REST)
            ):
                log.warning("stopping a container that should not run", instance=instance_id)
                await control.engine.stop(instance_id)


_STAYS_UP = and_(
    Instance.state.in_([state.value for state in IS_UP]), Instance.desired == Desired.RUNNING
)
_HOLDERS = select(Allocation.holder_id).where(Allocation.ended_at.is_(None))
_SAVED_NOW = select(Snapshot.instance_id).where(Snapshot.state.not_in(ENDED_STATES))


def _container(
    control: Control, row: Instance, containers: dict[str, ContainerView] | None
) -> ContainerView:
    if not control.engine.isolated:
        return ContainerView.UNSEEN
    if containers is None:
        return ContainerView.UNKNOWN
    return containers.get(row.id, ContainerView.ABSENT)
