"""How long it takes to read a file from its beginning to its end, and to look at many."""

from __future__ import annotations

import os
import time
from pathlib import Path

PIECE = 1024**2


def read_seconds(path: Path) -> float:
    """Seconds to open a file and read all of it, piece by piece into one buffer."""
    buffer = bytearray(PIECE)
    began = time.perf_counter()
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass
    return time.perf_counter() - began


def stat_seconds(folder: Path) -> float:
    """Seconds to `stat` each file of a folder, by names relative to it."""
    names = sorted(os.listdir(folder))
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        began = time.perf_counter()
        for name in names:
            os.stat(name, dir_fd=descriptor)
        return time.perf_counter() - began
    finally:
        os.close(descriptor)
