"""How set-up looks: one line a step with its time, the details in a log file."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

LOG_LIMIT = 5 * 1024 * 1024


class Refused(Exception):
    """Ends a command with a sentence for people and no traceback."""


class Step:
    """One thing being done; `result` is what its line says at the end."""

    def __init__(self, title: str, out: TextIO) -> None:
        self.result = ""
        self._title = title
        self._out = out

    def show(self, detail: str) -> None:
        """What happens right now, on a terminal only."""
        if self._out.isatty():
            self._out.write(f"\r\033[K{self._title:<18} {detail[:58]}")
            self._out.flush()


class Steps:
    """The steps of one command."""

    def __init__(self, log: Path, started: float | None = None, out: TextIO = sys.stdout) -> None:
        self.started = time.time() if started is None else started
        self.log = log
        self._out = out
        for folder in (log.parent.parent, log.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if log.exists() and log.stat().st_size > LOG_LIMIT:
            log.unlink()

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Show the title, then the result and the seconds that the step took."""
        step = Step(title, self._out)
        begun = time.monotonic()
        self._out.write(f"{title:<18} ")
        self._out.flush()
        try:
            yield step
        except BaseException:
            self._out.write("\n")
            self._out.flush()
            raise
        clear = f"\r\033[K{title:<18} " if self._out.isatty() else ""
        self._out.write(f"{clear}{step.result:<58} {time.monotonic() - begun:6.1f} s\n")
        self._out.flush()

    def run(
        self,
        step: Step,
        command: Sequence[str | Path],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Run a command to its end, its output in the log; `Refused` with its last lines."""
        last: deque[str] = deque(maxlen=12)
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"$ {' '.join(map(str, command))}\n")
            log.flush()
            with subprocess.Popen(
                [str(part) for part in command],
                cwd=cwd,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            ) as process:
                assert process.stdout is not None
                for line in process.stdout:
                    log.write(line)
                    last.append(line.rstrip())
                    step.show(line.strip())
        if process.returncode:
            shown = "\n".join(f"  {line}" for line in last)
            raise Refused(
                f"{Path(command[0]).name} failed with code {process.returncode}; "
                f"all of its output is in {self.log}. Its last lines:\n{shown}"
            )

    @property
    def elapsed(self) -> float:
        """Seconds since the command was called."""
        return time.time() - self.started
