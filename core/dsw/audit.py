"""One line of the audit log: who did what to which object, and how it ended."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from dsw.base import Model, View
from dsw.moments import Moment
from dsw.roles import Action

Text = Annotated[str, Field(max_length=300, pattern=r"^[^\x00]+$")]


class Outcome(StrEnum):
    """How an attempt ended."""

    DONE = "done"
    DENIED = "denied"


class AuditQuery(Model):
    """Which lines are asked for; what is None is not filtered by."""

    workspace: Text | None = Field(None, description="By id or name. None: all, platform admins.")
    actor: Text | None = Field(None, description="Who did it, also by an instance of theirs.")
    action: Action | None = None
    object: Text | None = Field(None, description="The object's id.")
    outcome: Outcome | None = None
    since: Moment | None = Field(None, description="From this moment on; UTC unless it says.")
    until: Moment | None = Field(None, description="Before this moment.")


class AuditView(View):
    """`actor` is a user, an instance's id, or `control` itself; `on_behalf_of` whose rights it
    used. `detail` says what changed; secrets are never in it.

    `detail.platform_admin` is there when a platform administrator acted in a workspace of which
    they were no member. A user who is named like one of the other actors is `user/NAME`.
    """

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
