"""What was used over time, from the intervals in which things held their resources."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from dsw.base import View


class UsageBy(StrEnum):
    """What the lines of a report are for."""

    USER = "user"
    WORKSPACE = "workspace"
    RESOURCE_GROUP = "resource_group"
    DAY = "day"


class UsageLine(View):
    """Hours of use of one user, workspace, resource group or day; memory in GiB-hours.

    `storage` in bytes is what is on the NAS now; it is there for users and workspaces.
    """

    key: str
    runs: int
    hours: float
    cpu_hours: float
    memory_gib_hours: float
    gpu_hours: float
    storage: int | None = None


class UsageReport(View):
    """The lines of a report from `since` to `until`."""

    since: datetime
    until: datetime
    by: UsageBy
    lines: list[UsageLine]
