"""Which source counts this instance's usage, and how often it is asked."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

import psutil

from dsw_server import cgroup, gpus, processes
from dsw_server.usage import Gpu, Metrics, Usage, cpu_percent

MIN_PERIOD = 1.0
"""Seconds. Several open tabs ask at once; a shorter period would be noise."""


def read_usage() -> Usage:
    """By the instance's own cgroup, or else by its processes."""
    return cgroup.read() or processes.read()


class Sampler:
    """Turns readings into metrics; an answer younger than a second is given again.

    Thread-safe. CPU is averaged over the time since the answer before.
    """

    def __init__(
        self,
        read: Callable[[], Usage] = read_usage,
        read_gpus: Callable[[], list[Gpu]] = gpus.read,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read, self._read_gpus, self._clock = read, read_gpus, clock
        self._lock = threading.Lock()
        self._usage, self._at = read(), clock()
        self._metrics: Metrics | None = None

    def sample(self) -> Metrics:
        """The metrics of now; takes up to some tens of milliseconds."""
        with self._lock:
            elapsed = self._clock() - self._at
            if self._metrics is None or elapsed >= MIN_PERIOD:
                self._metrics = self._measure(elapsed)
            return self._metrics

    def _measure(self, elapsed: float) -> Metrics:
        before, self._usage = self._usage, self._read()
        self._at += elapsed
        cores = self._usage.cpu_limit or float(os.cpu_count() or 1)
        return Metrics(
            cpu_percent=cpu_percent(before, self._usage, elapsed, cores),
            cpu_limit=cores,
            memory_used=self._usage.memory_used,
            memory_limit=self._usage.memory_limit or psutil.virtual_memory().total,
            oom_kills=self._usage.oom_kills,
            gpus=self._read_gpus(),
        )
