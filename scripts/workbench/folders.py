"""Where one installation keeps what belongs to its running processes."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Folders:
    """The data directory and the fixed places in it."""

    data: Path

    @property
    def settings(self) -> Path:
        """The configuration file."""
        return self.data / "dsw.toml"

    @property
    def run(self) -> Path:
        """Sockets and process ids."""
        return self.data / "run"

    @property
    def logs(self) -> Path:
        """One file a process."""
        return self.data / "logs"

    @property
    def setup_log(self) -> Path:
        """What set-up did."""
        return self.logs / "up.log"

    @property
    def engine_process(self) -> Path:
        """The engine's daemon, when this installation started it."""
        return self.run / "dockerd.json"

    @property
    def supervisor(self) -> Path:
        """The supervisor's process."""
        return self.run / "supervisor.json"

    @property
    def environment(self) -> Path:
        """The variables of the last `up` that hub and control get."""
        return self.run / "environment.json"

    @property
    def state(self) -> Path:
        """What was started, and from what."""
        return self.run / "started.json"

    def read_state(self) -> dict[str, str]:
        """What `state` holds: the installation, its engine, each program's fingerprint."""
        try:
            return dict(json.loads(self.state.read_text()))
        except (OSError, ValueError):
            return {}

    def make(self) -> None:
        """Make those that are missing, for the owner alone."""
        for folder in (self.data, self.run, self.logs):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """One `up` or `down` at a time; a second one waits."""
        folder = os.open(self.run, os.O_RDONLY)
        try:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print(f"Another command works on {self.data}; this one waits for it.", flush=True)
                fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)
