"""What spawners report of the starts and ends that they see."""

from __future__ import annotations

import asyncio

from sqlalchemy.ext.asyncio import AsyncSession

from dsw.errors import NotFound
from dsw.events import Phase, PhaseReport
from dsw.instances import AT_REST, IS_STARTING, Desired, InstanceState, Reason
from dsw.roles import Action
from dsw_control.context import Control
from dsw_control.history import add_event, tell
from dsw_control.instance_rows import want
from dsw_control.records.audit import record
from dsw_control.store.tables import Instance

STATE_OF_PHASE = {
    Phase.ADMITTED: InstanceState.RESOURCE_ALLOCATING,
    Phase.IMAGE_PULLING: InstanceState.ENV_PREPARING,
    Phase.IMAGE_PRESENT: InstanceState.ENV_PREPARING,
    Phase.CONTAINER_CREATED: InstanceState.STARTING,
    Phase.CONTAINER_STARTED: InstanceState.STARTING,
    Phase.SERVER_ANSWERING: InstanceState.STARTING,
}

SOON = (0.1, 0.3, 1.0)
"""Seconds after which one looks whether a server that answers is reachable."""


def record_from_hub(session: AsyncSession, control: Control, row: Instance, did: str) -> None:
    """Note in the audit log what was done on the hub's own page; it does not say by whom."""
    target = (row.id, row.workspace_id)
    record(session, control, None, Action.INSTANCE_USE_OWN, target, did=did, via="hub")


async def note_failure(control: Control, instance_id: str, reason: Reason, message: str) -> None:
    """The current start cannot succeed; the reconciler ends it when the hub has let go of it."""
    async with control.db.write() as session:
        row = await session.get_one(Instance, instance_id)
        if row.failure or row.desired != Desired.RUNNING:
            return
        row.failure, row.reason, row.message = reason, reason, message
    control.wake.set()


async def take_report(control: Control, instance_id: str, report: PhaseReport) -> None:
    """Note what a spawner did. A report of an older attempt is history and changes nothing."""
    async with control.db.write() as session:
        row = await session.get(Instance, instance_id)
        if row is None or row.deleted_at is not None:
            raise NotFound(f"There is no instance {instance_id[:40]!r}.")
        if report.attempt != row.attempt and report.phase is not Phase.DELETED:
            return
        desired = row.desired
        if not _apply(control, row, report):
            return
        if row.desired != desired:
            did = "delete" if row.desired == Desired.DELETED else "stop"
            record_from_hub(session, control, row, did)
        row.message, row.percent = report.message, report.percent
        event = add_event(session, control, row)
        event.bytes_done, event.bytes_total = report.bytes_done, report.bytes_total
    tell(control, row, event)
    control.wake.set()
    if report.phase is Phase.SERVER_ANSWERING:
        # The hub still has to add the route; it does not say when it has.
        for seconds in SOON:
            asyncio.get_running_loop().call_later(seconds, control.wake.set)


def _apply(control: Control, row: Instance, report: PhaseReport) -> bool:
    """Change the row as the report says; whether there was anything to change."""
    state = STATE_OF_PHASE.get(report.phase)
    if state is not None:
        if row.desired != Desired.RUNNING or row.state not in IS_STARTING:
            return False
        if row.state != InstanceState.RECOVERING:
            row.state, row.reason = state, ""
        return True
    if report.phase is Phase.FAILED:
        if row.desired != Desired.RUNNING:
            return False
        if report.reason == Reason.HUB_LOST:
            # The hub was restarted in the middle of the start: the next one is asked again.
            row.asked = False
            return True
        row.failure = report.reason or Reason.ENGINE_FAILED
        row.reason = row.failure
        return True
    if report.phase is Phase.DELETED:
        if row.desired == Desired.DELETED:
            return False
        want(control, row, Desired.DELETED, InstanceState.DELETING)
        return True
    # The hub stops the server on its own account: its owner pressed stop there.
    if row.desired != Desired.RUNNING or row.failure or row.state in AT_REST:
        return False
    want(control, row, Desired.STOPPED, InstanceState.STOPPING)
    return True
