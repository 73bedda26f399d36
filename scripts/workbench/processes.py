"""Processes that outlive the command which started them: remembered so that no other is hit."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

PERIOD = 0.05


@dataclass(frozen=True)
class Process:
    """A process id together with the boot and the clock tick at which that process began."""

    pid: int
    began: str

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """The process that has this id now; None when it ended, also as a zombie."""
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        except OSError:
            return None
        state, *fields = stat.rpartition(")")[2].split()
        return None if state in "ZX" else cls(pid, f"{boot}:{fields[18]}")

    @classmethod
    def read(cls, path: Path) -> Process | None:
        """The remembered process, if it still runs."""
        try:
            remembered = cls(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):
            return None
        return remembered if remembered.runs else None

    @classmethod
    def spawn(cls, command: Sequence[str], output: Path) -> Process:
        """Start a program that outlives this one: own session, no input, output to a new file.

        `OSError` when the program is not there.
        """
        program = shutil.which(command[0]) or command[0]
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        pid = os.posix_spawn(
            program,
            list(command),
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(output), flags, 0o644),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
            # A shell's background job ignores these, and all processes of an instance would, too.
            setsigdef=[signal.SIGINT, signal.SIGQUIT],
        )
        return cls.of(pid) or cls(pid, "ended at once")

    def write(self, path: Path) -> None:
        """Remember this process."""
        path.write_text(json.dumps(asdict(self)))

    @property
    def runs(self) -> bool:
        """Whether it is still the same process."""
        return Process.of(self.pid) == self

    def ended_within(self, seconds: float) -> bool:
        """Wait for its end."""
        deadline = time.monotonic() + seconds
        while self.runs:
            if time.monotonic() > deadline:
                return False
            time.sleep(PERIOD)
        return True

    def end(self, seconds: float) -> None:
        """SIGTERM, and SIGKILL when it has not ended after `seconds`."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                if self.runs:
                    os.kill(self.pid, number)
            if self.ended_within(seconds):
                return
