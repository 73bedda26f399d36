"""What was used over time, from the intervals in which things held their resources."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, NamedTuple

from pydantic import Field

from dsw.base import Model, View
from dsw.moments import Moment

_MICROSECOND = timedelta(microseconds=1)
_HOUR = timedelta(hours=1) // _MICROSECOND
_GIB = 1024**3

Text = Annotated[str, Field(max_length=255, pattern=r"^[^\x00]+$")]


class UsageBy(StrEnum):
    """What the lines of a report are for."""

    USER = "user"
    WORKSPACE = "workspace"
    RESOURCE_GROUP = "resource_group"
    DAY = "day"


class UsageQuery(Model):
    """Which use is asked for; what is None is not filtered by."""

    by: UsageBy = UsageBy.USER
    workspace: Text | None = Field(None, description="By id or name.")
    user: Text | None = None
    resource_group: Text | None = None
    since: Moment | None = Field(
        None, description="None: the first of the month that ends with `until`, in UTC."
    )
    until: Moment | None = Field(None, description="None: now.")


class UsageLine(View):
    """Hours of use of one user, workspace, resource group or day; memory in GiB-hours.

    `key` is a workspace's name, or its id when it is no more; a day is one in UTC. `storage` in
    bytes is what a user or a workspace keeps now in folders and saved images; None: not known.
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


class Interval(NamedTuple):
    """What was held from one moment to another, or is held still; memory in bytes."""

    owner: str
    workspace_id: str
    resource_group: str
    cpu: float
    memory: int
    gpu: int
    started_at: datetime
    ended_at: datetime | None


class Total:
    """Sums of one line, in microseconds: whole numbers add up without an error."""

    __slots__ = ("cpu", "gpu", "memory", "runs", "time")

    def __init__(self) -> None:
        self.runs = self.time = self.memory = self.gpu = 0
        self.cpu = 0.0

    def line(self, key: str, storage: int | None = None) -> UsageLine:
        """The sums in hours."""
        return UsageLine(
            key=key,
            runs=self.runs,
            hours=_hours(self.time),
            cpu_hours=_hours(self.cpu),
            memory_gib_hours=_hours(self.memory / _GIB),
            gpu_hours=_hours(self.gpu),
            storage=storage,
        )


class Totals(dict[str, Total]):
    """Sums by key of what was held inside a window; what is held still counts until `now`.

    A run that is in two days counts in both. No I/O.
    """

    def __init__(self, by: UsageBy, window: tuple[datetime, datetime], now: datetime) -> None:
        self._by = by
        self.window = self._since, self._until = window
        self._now = now

    def add(self, interval: Interval) -> None:
        """Count the part of the interval that is in the window."""
        start = max(interval.started_at, self._since)
        end = min(interval.ended_at or self._now, self._until)
        if start >= end:
            return
        for key, length in self._pieces(interval, start, end):
            total = self.get(key)
            if total is None:
                total = self[key] = Total()
            total.runs += 1
            total.time += length
            total.cpu += interval.cpu * length
            total.memory += interval.memory * length
            total.gpu += interval.gpu * length

    def _pieces(
        self, interval: Interval, start: datetime, end: datetime
    ) -> Iterator[tuple[str, int]]:
        """Keys and microseconds."""
        if self._by is not UsageBy.DAY:
            yield _key(interval, self._by), (end - start) // _MICROSECOND
            return
        while start < end:
            midnight = datetime.combine(start.date() + timedelta(days=1), time(), UTC)
            stop = min(end, midnight)
            yield start.date().isoformat(), (stop - start) // _MICROSECOND
            start = stop


def _key(interval: Interval, by: UsageBy) -> str:
    if by is UsageBy.USER:
        return interval.owner
    return interval.workspace_id if by is UsageBy.WORKSPACE else interval.resource_group


def _hours(microseconds: float) -> float:
    return round(microseconds / _HOUR, 6)
