"""The kernel's side of a FUSE mount: who waits for an answer, and how all of them get an error."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path

from dsw_agent.mounting import kernel, table
from dsw_agent.mounting.table import Mounted


class Connections:
    """The kernel's list of FUSE connections, mounted in a folder of the helper's own."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(os.path.realpath(folder), "connections")
        self._folder.mkdir(exist_ok=True)
        with suppress(OSError):
            kernel.mount_new("fusectl", str(self._folder))

    def waiting(self, mounted: Mounted) -> bool:
        """Whether somebody waits for an answer; true where the kernel does not tell."""
        try:
            return int((self._of(mounted) / "waiting").read_text()) > 0
        except (OSError, ValueError):
            return True

    def abort(self, mounted: Mounted) -> None:
        """An error for all who wait, also when the program that should answer cannot be killed."""
        with suppress(OSError):
            (self._of(mounted) / "abort").write_text("1")

    def close(self) -> None:
        """Leave the list."""
        with suppress(OSError):
            kernel.unmount(str(self._folder), kernel.DETACH)
        with suppress(OSError):
            self._folder.rmdir()

    def _of(self, mounted: Mounted) -> Path:
        return self._folder / mounted.device.partition(":")[2]


def answers(point: str, seconds: float) -> bool:
    """Whether the file system at a path answers in time: a program of its own asks it."""
    asking = ("stat", "--file-system", "--format=%T", point)
    try:
        asked = subprocess.run(asking, capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return False
    return asked.returncode == 0


def leave(point: str) -> None:
    """Take away all mounts at a path, dead or alive."""
    while table.at(point) is not None:
        kernel.unmount(point, kernel.DETACH)
