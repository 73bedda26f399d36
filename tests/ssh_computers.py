"""A computer outside, with OpenSSH's client and a login to a workbench."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.polling import eventually
from tests.workbenches import User

ROADS = ("proxy", "gateway")


class Computer:
    """Where a user has run `dsw login`. `road` is how its SSH reaches instances."""

    def __init__(self, home: Path, user: User, road: str = "proxy") -> None:
        home.mkdir(parents=True)
        self.home = home
        self.user = user
        self.road = road
        self.config = home / ".ssh" / "dsw_config"
        outside = ("_proxy", "XDG_CONFIG_HOME", "SSH_AUTH_SOCK")
        kept = {k: v for k, v in os.environ.items() if not k.lower().endswith(outside)}
        self.environment = {k: v for k, v in kept.items() if not k.startswith("DSW_")}
        self.environment["HOME"] = str(home)
        self.dsw("login", user.workbench.url, "--token-stdin", input=user.token)

    def dsw(self, *words: str, **how: Any) -> str:
        """What a `dsw` command prints that must succeed."""
        done = self.run(sys.executable, "-m", "dsw.cli.main", *words, **how)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return str(done.stdout)

    def know(self, *names: str) -> None:
        """Write the hosts of these instances, or of all, as they are now."""
        words = [f"--instance={name}" for name in names]
        words += ["--gateway"] if self.road == "gateway" else []
        self.dsw("ssh-config", "--write", *words)

    def run(self, *command: str | Path, **how: Any) -> subprocess.CompletedProcess[Any]:
        """A program here; `input` and what it prints are text unless `text=False`."""
        how = {"text": True, "timeout": 120, **how}
        if "input" not in how:
            how.setdefault("stdin", subprocess.DEVNULL)
        how.setdefault("stdout", subprocess.PIPE)
        how.setdefault("stderr", subprocess.PIPE)
        return subprocess.run(command, check=False, env=self.environment, **how)

    def start(self, *command: str | Path, **how: Any) -> subprocess.Popen[Any]:
        """A program here that goes on; with pipes."""
        pipe = subprocess.PIPE
        how = {"stdin": pipe, "stdout": pipe, "stderr": pipe, "text": True, **how}
        return subprocess.Popen(command, env=self.environment, **how)

    def ssh(self, *words: str) -> list[str]:
        """The command line of ssh with the hosts that this computer knows."""
        return ["ssh", "-F", str(self.config), "-o", "BatchMode=yes", *words]

    def done(self, *words: str, **how: Any) -> subprocess.CompletedProcess[Any]:
        """How an ssh command ended."""
        return self.run(*self.ssh(*words), **how)

    def ok(self, *words: str, **how: Any) -> Any:
        """What an ssh command prints that must succeed."""
        done = self.done(*words, **how)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout

    def session(self, *words: str) -> Session:
        """A connection that stays open, once it is up; `words` are ssh's, the host last."""
        found = Session(self.start(*self.ssh(*words, "echo here; exec cat")))
        assert found.read() == "here\n", found.ended()
        return found


class Session:
    """An open connection whose far end sends back each line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def read(self) -> str:
        """The next line, empty at the end."""
        assert self.process.stdout
        return self.process.stdout.readline()

    def echoes(self, word: str) -> bool:
        """Whether a line comes back."""
        assert self.process.stdin
        assert self.is_open(), self.close()
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()
        return self.read() == f"{word}\n"

    def is_open(self) -> bool:
        """Whether ssh still runs."""
        return self.process.poll() is None

    def ended(self, seconds: float = 30) -> str:
        """What ssh said, once it has ended by itself."""
        eventually(lambda: not self.is_open(), seconds)
        return self.close()

    def close(self) -> str:
        """End it; what ssh said."""
        return str(self.process.communicate(timeout=30)[1])
