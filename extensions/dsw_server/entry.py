"""How an instance's container starts: environment from a mounted file, home, server, signals.

The image's entry point (`python -I -m dsw_server.entry [COMMAND [ARGUMENT...]]`). The file keeps
the hub token out of the container's configuration and out of every command line. Standard library
only: it runs before anything else may be relied on.

Exit codes: the command's own; 128 + N when signal N ended it; 143 whenever SIGTERM came from
outside, whatever the command made of it; 83 when the kernel killed it for memory; 78 when the
environment or the home cannot be used; 126 and 127 when the command cannot be run or found.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

ENVIRONMENT = Path("/run/dsw/environment")
SKELETON = Path("/etc/skel")
COMMAND = "jupyterhub-singleuser"
MEMORY_KILLS = (
    Path("/sys/fs/cgroup/memory.events"),
    Path("/sys/fs/cgroup/memory/memory.oom_control"),
)
"""The container's own counter, by the version of cgroups."""

NOT_CONFIGURED = 78
OUT_OF_MEMORY = 83
NOT_RUNNABLE = 126
NOT_FOUND = 127

_FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class CannotStart(Exception):
    """A sentence for the container's log, and the exit code that goes with it."""

    def __init__(self, message: str, code: int = NOT_CONFIGURED) -> None:
        super().__init__(message)
        self.code = code


def main(command: Sequence[str], environment: Path = ENVIRONMENT, skeleton: Path = SKELETON) -> int:
    """Prepare the environment and the home, run the command to its end, answer its exit code."""
    try:
        os.environ.update(read_environment(environment))
        home = enter_home()
        seed(home, skeleton)
        return run(list(command) or [COMMAND])
    except CannotStart as error:
        print(f"dsw: {error}", file=sys.stderr, flush=True)
        return error.code


def read_environment(path: Path) -> dict[str, str]:
    """The variables in the file; none where its folder is not mounted (a plain `docker run`)."""
    if not path.parent.is_dir():
        return {}
    try:
        values = json.loads(path.read_bytes())
    except OSError as error:
        raise CannotStart(
            f"The environment file {path} cannot be read: {error.strerror}. "
            "The workbench writes it at every start; start the instance again."
        ) from error
    except ValueError as error:
        raise CannotStart(f"The environment file {path} is not JSON.") from error
    if not isinstance(values, dict):
        raise CannotStart(f"The environment file {path} does not hold one JSON object.")
    for name, value in values.items():
        # The value may be a secret, so it is never shown.
        if not name or "=" in name or "\0" in name or not isinstance(value, str) or "\0" in value:
            raise CannotStart(f"The variable {name!r} in {path} is not a name with a text.")
    return values


def enter_home() -> Path:
    """Make `$HOME` where it is missing, and the working directory."""
    home = Path(os.environ.get("HOME") or "/")
    try:
        home.mkdir(parents=True, exist_ok=True)
        os.chdir(home)
    except OSError as error:
        raise CannotStart(f"The home folder {home} cannot be used: {error.strerror}.") from error
    return home


def seed(home: Path, skeleton: Path) -> None:
    """Copy the skeleton's files that the home does not have; a read-only home stays as it is."""
    if not os.access(home, os.W_OK):
        return
    for source in sorted(skeleton.rglob("*")):
        target = home / source.relative_to(skeleton)
        if os.path.lexists(target):
            continue
        try:
            if source.is_dir():
                target.mkdir()
            else:
                _copy(source, target)
        except OSError as error:
            print(f"dsw: {target} was not made: {error.strerror}.", file=sys.stderr, flush=True)


def _copy(source: Path, target: Path) -> None:
    # The home may be shared by instances that start at once: complete or absent, never half.
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        shutil.copyfile(source, aside)
        os.link(aside, target)
    except FileExistsError:
        pass
    finally:
        aside.unlink(missing_ok=True)


def run(command: list[str]) -> int:
    """Run the command as a child, hand signals on to it, and answer the exit code."""
    path = find(command[0])
    # Blocked signals wait until `sigwait` takes them: none is lost before the child exists.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {*_FORWARDED, signal.SIGCHLD})
    try:
        child = os.posix_spawn(path, command, os.environ, setsigmask=before)
    except OSError as error:
        raise CannotStart(f"{path} cannot be run: {error.strerror}.", NOT_RUNNABLE) from error
    kills, terminated = memory_kills(), False
    while True:
        received = signal.sigwait({*_FORWARDED, signal.SIGCHLD})
        if received == signal.SIGCHLD:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended and terminated:
                return 128 + signal.SIGTERM
            if ended:
                return _exit_code(status, memory_kills() > kills)
            continue
        terminated = terminated or received == signal.SIGTERM
        os.kill(child, received)


def find(command: str) -> str:
    """The command's file: beside this Python first, then on PATH."""
    beside = os.path.dirname(sys.executable)
    found = shutil.which(command, path=f"{beside}{os.pathsep}{os.environ.get('PATH', '')}")
    if not found:
        raise CannotStart(f"The command {command!r} is neither in {beside} nor on PATH.", NOT_FOUND)
    return found


def memory_kills() -> int:
    """How often the kernel has killed a process of this container for memory."""
    for counter in MEMORY_KILLS:
        try:
            fields = dict(line.split(None, 1) for line in counter.read_text().splitlines())
        except (OSError, ValueError):
            continue
        return int(fields.get("oom_kill", 0))
    return 0


def _exit_code(status: int, killed_for_memory: bool) -> int:
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGKILL and killed_for_memory:
        return OUT_OF_MEMORY
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
