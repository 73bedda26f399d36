"""How long an instance may run: the policy's limit, enforced."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from dsw.instances import IS_UP, Reason
from dsw.workspaces import Policy
from dsw_control.context import Control
from dsw_control.store.tables import Instance, Workspace
from dsw_control.tenancy.departures import End, announce, end_all


async def enforce(control: Control) -> None:
    """Stop what has run for longer than its workspace allows."""
    async with control.db.read() as session:
        rows = (await session.execute(select(Workspace.id, Workspace.policy))).all()
    for workspace_id, policy in rows:
        minutes = Policy.model_validate(policy).max_run_minutes
        if minutes:
            await _enforce(control, workspace_id, minutes)


async def _enforce(control: Control, workspace_id: str, minutes: int) -> None:
    over = (
        Instance.state.in_([state.value for state in IS_UP]),
        Instance.started_at <= control.clock() - timedelta(minutes=minutes),
    )
    async with control.db.read() as session:
        found = await session.scalar(
            select(Instance.id).where(Instance.workspace_id == workspace_id, *over).limit(1)
        )
    if found is None:
        return
    end = End(
        reason=Reason.RUN_TIME_LIMIT,
        message=f"It ran for the {minutes} minutes that its workspace allows. "
        "Start it again to go on.",
    )
    async with control.db.write() as session:
        ended = await end_all(session, control, workspace_id, end, *over)
    announce(control, ended)
