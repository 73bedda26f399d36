"""The audit log: written in the transaction that does what it tells of."""

from __future__ import annotations

from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.audit import Outcome
from dsw.roles import Action
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.store.tables import AuditEntry

CONTROL = "control"
"""The actor of what control does by itself."""


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
    object_id, workspace_id = target
    instance = caller is not None and caller.server is not None
    session.add(
        AuditEntry(
            at=control.clock(),
            actor=CONTROL if caller is None else caller.server if instance else caller.name,
            on_behalf_of=caller.name if caller is not None and instance else None,
            action=action,
            object_id=object_id,
            workspace_id=workspace_id,
            outcome=Outcome.DONE,
            request_id=structlog.contextvars.get_contextvars().get("request_id", ""),
            detail=detail,
        )
    )
