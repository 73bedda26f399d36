"""The audit log: written in the transaction that does what it tells of."""

from __future__ import annotations

import re
from typing import Any

import structlog
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.audit import Outcome
from dsw.names import id_pattern
from dsw.roles import Action
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.store.tables import AuditEntry, Instance, Member

CONTROL = "control"
"""The actor of what control does by itself."""

OBJECT_MAX = 300
_NOT_A_PERSON = re.compile(rf"{CONTROL}\Z|{id_pattern('dsw').strip('^$')}\Z")


def record(
    session: AsyncSession,
    control: Control,
    caller: Caller | None,
    action: Action,
    target: tuple[str, str | None],
    **detail: Any,
) -> None:
    """Note that this was done to `target`: an object's id, and its workspace's if it is in one.

    No caller: control did it by itself. No secret belongs into `detail`.
    """
    session.add(entry(control, caller, action, target, detail))


def entry(
    control: Control,
    caller: Caller | None,
    action: Action,
    target: tuple[str, str | None],
    detail: dict[str, Any],
) -> AuditEntry:
    """A line about something that was done, not yet in a session."""
    object_id, workspace_id = target
    instance = caller is not None and caller.server is not None
    return AuditEntry(
        at=control.clock(),
        actor=_actor(caller),
        on_behalf_of=caller.name if caller is not None and instance else None,
        platform_admin=_from_outside(caller, workspace_id),
        action=action,
        object_id=object_id[:OBJECT_MAX],
        workspace_id=workspace_id,
        outcome=Outcome.DONE,
        request_id=structlog.contextvars.get_contextvars().get("request_id", ""),
        detail=detail,
    )


def _actor(caller: Caller | None) -> str | ColumnElement[str]:
    """A name that no other actor has: users may be called `control`, but the hub lets no name
    have a slash."""
    if caller is None:
        return CONTROL
    if caller.server is None:
        return f"user/{caller.name}" if _NOT_A_PERSON.match(caller.name) else caller.name
    instance_id = (
        select(Instance.id)
        .where(
            Instance.owner == caller.name,
            Instance.name == caller.server,
            Instance.deleted_at.is_(None),
        )
        .scalar_subquery()
    )
    return func.coalesce(instance_id, f"server/{caller.server}")


def _from_outside(caller: Caller | None, workspace_id: str | None) -> bool | ColumnElement[bool]:
    """Whether a platform administrator acts in a workspace that they are no member of."""
    if caller is None or not caller.admin or workspace_id is None:
        return False
    return ~(
        select(Member.username)
        .where(
            Member.workspace_id == workspace_id,
            Member.username == caller.name,
            Member.disabled.is_(False),
        )
        .exists()
    )
