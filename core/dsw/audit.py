"""One line of the audit log: who did what to which object, and how it ended."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from dsw.base import View


class Outcome(StrEnum):
    """How an attempt ended."""

    DONE = "done"
    DENIED = "denied"


class AuditView(View):
    """`actor` is a user, an instance's id, or `control` itself; `on_behalf_of` whose rights it
    used. `detail` says what changed; secrets are never in it."""

    id: int
    at: datetime
    actor: str
    on_behalf_of: str | None = None
    action: str
    object_id: str
    workspace_id: str | None = None
    outcome: Outcome
    code: str = ""
    request_id: str = ""
    detail: dict[str, Any]
