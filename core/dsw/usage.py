"""What was used over time, from the intervals in which things held their resources."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, NamedTuple

from pydantic import Field

from dsw.base import Model, View
from dsw.moments import Moment

DAY = 24 * 3600
"""Seconds; days of UTC have no other length."""

Text = Annotated[str, Field(max_length=255, pattern=r"^[^\x00]+$")]


class UsageBy(StrEnum):
    """What the lines of a report are for."""

    USER = "user"
    WORKSPACE = "workspace"
    RESOURCE_GROUP = "resource_group"
    DAY = "day"


class StorageQuery(Model):
    """Whose folders are asked for; what is None is not filtered by."""

    workspace: Text | None = Field(None, description="By id or name.")
    user: Text | None = None


class UsageQuery(StorageQuery):
    """Which use is asked for; what is None is not filtered by."""

    by: UsageBy = UsageBy.USER
    resource_group: Text | None = None
    since: Moment | None = Field(
        None, description="None: the first of the month that ends with `until`, in UTC."
    )
    until: Moment | None = Field(None, description="None: now.")


class UsageLine(View):
    """Hours of use of one user, workspace, resource group or day; memory in GiB-hours.

    `key` is a workspace's name, or its id when it is no more; a day is one in UTC. A run counts
    on its first day; a share of a GPU counts as a GPU. `storage` in bytes is what a user or a
    workspace keeps now in folders and saved images; None: not known.
    """

    key: str
    runs: int
    hours: float
    cpu_hours: float
    memory_gib_hours: float
    gpu_hours: float
    storage: int | None = None


class UsageReport(View):
    """The lines of a report from `since` to `until`, by their keys."""

    since: datetime
    until: datetime
    by: UsageBy
    lines: list[UsageLine]


class FolderUse(View):
    """A user's home in a workspace, or (without an owner) what the workspace shares.

    `used` bytes as the file system counts them where it enforces the limit, else as last measured;
    None: not known. `limit` None: there is none.
    """

    workspace: str
    owner: str
    path: str
    used: int | None
    limit: int | None
    enforced: bool
    measured_at: datetime | None


class StorageReport(View):
    """Folders by workspace and owner. `why_not` says why limits are reported only; empty: the file
    system refuses to write beyond them."""

    why_not: str
    folders: list[FolderUse]


class Amounts(NamedTuple):
    """Sums over some intervals: how many they are, and the cores, bytes and GPUs that they hold;
    or each of these times seconds."""

    runs: float
    cpu: float
    memory: float
    gpu: float


class Bundle(NamedTuple):
    """All intervals of one key that begin on one day and end on one, in UTC, summed up.

    `before`: what they hold times the seconds from midnight to their begin; `within`: to their
    end. That is all it takes to know what they used on each day.
    """

    key: str
    first: date
    last: date
    held: Amounts
    before: Amounts
    within: Amounts


class Totals:
    """Sums of use by key, or by day. A run counts once: on its first day. No I/O."""

    def __init__(self, by: UsageBy) -> None:
        self._by = by
        self._runs: dict[str, float] = {}
        self._used: dict[str, Amounts] = {}

    def add(self, bundle: Bundle) -> None:
        """Count the intervals of a bundle."""
        held, before, within = bundle.held, bundle.before, bundle.within
        days = (bundle.last - bundle.first).days
        if self._by is not UsageBy.DAY or days == 0:
            key = bundle.first.isoformat() if self._by is UsageBy.DAY else bundle.key
            used = (days * DAY * h + w - b for h, b, w in zip(held, before, within, strict=True))
            self._count(key, held.runs, Amounts(*used))
            return
        rest_of_day = (DAY * h - b for h, b in zip(held, before, strict=True))
        self._count(bundle.first.isoformat(), held.runs, Amounts(*rest_of_day))
        whole_day = Amounts(*(DAY * h for h in held))
        for number in range(1, days):
            day = bundle.first + timedelta(days=number)
            self._count(day.isoformat(), 0, whole_day)
        if within.runs:
            self._count(bundle.last.isoformat(), 0, within)

    def _count(self, key: str, runs: float, used: Amounts) -> None:
        self._runs[key] = self._runs.get(key, 0) + runs
        so_far = self._used.get(key, NOTHING)
        self._used[key] = Amounts(*(a + b for a, b in zip(so_far, used, strict=True)))

    @property
    def keys(self) -> Iterable[str]:
        """The keys with any use."""
        return self._used.keys()

    def line(self, key: str, name: str, storage: int | None) -> UsageLine:
        """The sums of one key in hours."""
        used = self._used.get(key, NOTHING)
        return UsageLine(
            key=name,
            runs=round(self._runs.get(key, 0)),
            hours=_hours(used.runs),
            cpu_hours=_hours(used.cpu),
            memory_gib_hours=_hours(used.memory / 1024**3),
            gpu_hours=_hours(used.gpu),
            storage=storage,
        )


NOTHING = Amounts(0, 0, 0, 0)


def _hours(seconds: float) -> float:
    return round(seconds / 3600, 6)
