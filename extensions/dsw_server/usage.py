"""What an instance uses at one moment, whoever counted it, and what is shown of two moments.

Dataclasses, because importing pydantic would make every server start later.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Usage:
    """A reading: CPU seconds since the counter began, bytes, cores; None is no limit."""

    cpu_seconds: float
    cpu_limit: float | None
    memory_used: int
    memory_limit: int | None
    oom_kills: int = 0


@dataclass(frozen=True)
class Gpu:
    """One GPU that the instance sees: bytes, and per cent of the last sample period."""

    index: int
    name: str
    utilization: float | None
    memory_used: int
    memory_total: int


@dataclass(frozen=True)
class Metrics:
    """What the status bar shows. `cpu_percent` is of `cpu_limit` cores, memory in bytes."""

    cpu_percent: float
    cpu_limit: float
    memory_used: int
    memory_limit: int
    oom_kills: int
    gpus: list[Gpu]


def cpu_percent(before: Usage, after: Usage, seconds: float, cores: float) -> float:
    """Per cent of the cores used between two readings, 0 to 100."""
    available = seconds * cores
    if available <= 0:
        return 0.0
    share = (after.cpu_seconds - before.cpu_seconds) / available
    # Counting by process loses what ended, and the clock and the counter are read in two steps.
    return round(100 * min(1.0, max(0.0, share)), 1)
