"""Sharing an instance: with whom, and how much of it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from dsw.base import Model, View


class Access(StrEnum):
    """`view`: look, but run and change nothing; `full`: as the owner does inside."""

    VIEW = "view"
    FULL = "full"


class SharePut(Model):
    """Share with one member (`user`), or with everybody in the workspace (`user` is None)."""

    user: str | None = Field(default=None, min_length=1, max_length=255)
    access: Access = Access.VIEW


class ShareView(View):
    """A share. `user` is None when it is for the whole workspace; `active` once it holds."""

    id: str
    instance_id: str
    user: str | None = None
    access: Access
    active: bool
    created_by: str
    created_at: datetime
