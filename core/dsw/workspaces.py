"""A workspace as a member sees it."""

from __future__ import annotations

from datetime import datetime

from dsw.base import View
from dsw.roles import Role


class WorkspaceView(View):
    """A team's tenancy and the caller's roles in it."""

    id: str
    name: str
    display_name: str
    sudo: bool
    roles: list[Role]
    created_at: datetime


class Me(View):
    """Who the caller is to control."""

    name: str
    admin: bool
    engine: str
    isolated: bool
    hub_url: str
    version: str
    instance_id: str | None = None
