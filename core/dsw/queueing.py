"""The queue: who waits in which order, who may start now, and what a waiting person is told.

Pure. Requests are served by priority (9 first), then by the time they came. A later request may
pass an earlier one that does not fit yet, but each is passed at most `BACKFILL` times; then nothing
that competes for the same limits starts before it.
"""

from __future__ import annotations

from datetime import datetime

from dsw.base import Model, View
from dsw.quota import Amounts

BACKFILL = 10


class Waiting(Model):
    """A request that waits: what it asks, its place's key and how often it was passed."""

    id: str
    priority: int
    since: datetime
    asked: Amounts
    passed: int = 0


class QueueEntryView(View):
    """One who waits. `place` counts from 1; `waiting_for` is a sentence; the estimate in seconds
    until it can start is there when past runs tell one."""

    instance_id: str
    owner: str
    name: str
    display_name: str
    workspace_id: str
    resource_group: str
    spec: str
    priority: int
    place: int
    ahead: int
    waiting_for: str
    queued_at: datetime
    estimate_seconds: int | None = None


class QueueMove(Model):
    """A new place: another priority, before another entry, or the end of the queue."""

    priority: int | None = None
    before: str | None = None
    last: bool = False
