"""What a snapshot costs the machine: CPU of all cores, disk of the engine, a container's stillness.

The CPU is that of the whole machine (`/proc/stat`), so that nothing which works for either side can
be forgotten: engine, registry, helper, kernel threads. Whatever else runs is in it, too.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BEAT = 0.002
"""Seconds between two heart beats."""

HEART = f"""
import sys, time
last = time.monotonic()
with open(sys.argv[1], "a", buffering=1) as out:
    while True:
        time.sleep({BEAT})
        now = time.monotonic()
        if now - last > 0.01:
            out.write(f"{{last}} {{now}}\\n")
        last = now
"""
"""What runs in the container: it writes down when it stood still, on the clock of the host."""

_IDLE = (3, 4)
"""Columns of /proc/stat: idle, and waiting for a disk."""


@dataclass
class Cost:
    """What an act took: seconds of the clock and of all cores, bytes of the engine's disk at most
    above what was used before, and the longest time that the container stood still."""

    wall: float = 0
    cpu: float = 0
    disk: int = 0
    frozen: float = 0


@contextmanager
def measured(disk: Path, beats: Path) -> Iterator[Cost]:
    """The cost of the block, filled in when it ends. `disk` is a folder of the engine's disk,
    `beats` the file that `HEART` writes."""
    os.sync()
    cost = Cost()
    with _peak(disk, cost):
        cpu, began = _busy(), time.monotonic()
        yield cost
        ended = time.monotonic()
        cost.wall, cost.cpu = ended - began, _busy() - cpu
    cost.frozen = longest_pause(beats, began, ended)


def longest_pause(beats: Path, began: float, ended: float) -> float:
    """Seconds of the longest gap between two beats in this span; 0 when there was none."""
    gaps = (map(float, line.split()) for line in beats.read_text().splitlines())
    return max((now - last for last, now in gaps if now > began and last < ended), default=0.0)


def _busy() -> float:
    """CPU seconds of all cores since the machine's start."""
    columns = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    ticks = sum(column for number, column in enumerate(columns) if number not in _IDLE)
    return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def _peak(disk: Path, cost: Cost) -> Iterator[None]:
    """Watch the disk ten times a second."""
    before = _used(disk)
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.1):
            cost.disk = max(cost.disk, _used(disk) - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
        cost.disk = max(cost.disk, _used(disk) - before)


def _used(disk: Path) -> int:
    found = os.statvfs(disk)
    return (found.f_blocks - found.f_bfree) * found.f_frsize
