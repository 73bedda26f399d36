"""Sharing an instance: with whom, and how much of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum

from pydantic import Field

from dsw.base import Model, View

EVERYBODY = ""
"""The user of a share that is for the whole workspace, where it is stored."""


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


class Visitors(View):
    """Who else than its owner may use an instance now, and how far. For its own server."""

    access: dict[str, Access]


def visitors(
    owner: str, shares: Iterable[tuple[str, Access]], members: Mapping[str, bool]
) -> dict[str, Access]:
    """Who may use an instance that is shared like this.

    `members`: those of its workspace who have access to it now, and whether their roles let them
    run instances: whoever may not run any can only look. The owner's membership carries all shares.
    """
    found: dict[str, Access] = {}
    if owner not in members:
        return found
    for user, access in shares:
        for name in members if user == EVERYBODY else (user,):
            if name == owner or name not in members:
                continue
            if access is Access.FULL and members[name]:
                found[name] = Access.FULL
            else:
                found.setdefault(name, Access.VIEW)
    return found
