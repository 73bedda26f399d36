"""What becomes of running instances when a rule ends them: a member leaves, a workspace is
archived. It is written in the transaction that has the reason."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.base import Model
from dsw.instances import Desired, InstanceState, Reason
from dsw.roles import Action
from dsw.workspaces import Policy
from dsw_control.access import standing
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.history import add_event, tell
from dsw_control.instance_rows import cancel_snapshots, want
from dsw_control.records.audit import record
from dsw_control.store.tables import Event, Instance, Member, Workspace

Ended = list[tuple[Instance, Event]]

_STATE = {
    Desired.STOPPED: InstanceState.STOPPING,
    Desired.DELETED: InstanceState.DELETING,
}


class End(Model):
    """How instances are ended, and why: the reason, and a sentence for their owner."""

    desired: Desired = Desired.STOPPED
    reason: Reason
    message: str


async def after_change(
    session: AsyncSession, control: Control, workspace: Workspace, username: str
) -> Ended:
    """Whoever may no longer use instances here loses those that run; `announce` them later.

    A member who was removed: as the policy says; one who is disabled or has other roles: stopped.
    """
    await session.flush()
    found = await standing(session, Caller(name=username), workspace.id)
    if Action.INSTANCE_USE_OWN in found.actions | found.withheld:
        return []
    member = await session.get(Member, (workspace.id, username))
    policy = Policy.model_validate(workspace.policy)
    delete = member is None and policy.on_removal == "delete"
    end = End(
        desired=Desired.DELETED if delete else Desired.STOPPED,
        reason=Reason.MEMBER_REMOVED,
        message=_why(member, workspace, username),
    )
    return await end_all(session, control, workspace.id, end, Instance.owner == username)


def _why(member: Member | None, workspace: Workspace, username: str) -> str:
    if member is None:
        return f"{username} is no longer a member of the workspace {workspace.name}."
    if member.disabled:
        return f"{username} is disabled in the workspace {workspace.name}."
    return f"The roles of {username} in the workspace {workspace.name} allow no instances."


async def end_all(
    session: AsyncSession,
    control: Control,
    workspace_id: str,
    end: End,
    *which: ColumnElement[bool],
) -> Ended:
    """End the workspace's instances for which `which` holds, queued ones included."""
    living = [Desired.RUNNING]
    if end.desired is Desired.DELETED:
        living.append(Desired.STOPPED)
    rows: Sequence[Instance] = (
        await session.scalars(
            select(Instance)
            .where(
                Instance.workspace_id == workspace_id,
                Instance.deleted_at.is_(None),
                Instance.desired.in_(living),
                *which,
            )
            .order_by(Instance.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    ).all()
    for row in rows:
        await cancel_snapshots(session, row)
        want(control, row, end.desired, _STATE[end.desired])
        row.reason, row.message = end.reason, end.message
        did = "delete" if end.desired is Desired.DELETED else "stop"
        target, why = (row.id, row.workspace_id), end.reason
        record(session, control, None, Action.INSTANCE_MANAGE_ALL, target, did=did, why=why)
    return [(row, add_event(session, control, row)) for row in rows]


def announce(control: Control, ended: Ended) -> None:
    """After the commit: who listens is told, and the reconciler looks at once."""
    for row, event in ended:
        tell(control, row, event)
    if ended:
        control.wake.set()
