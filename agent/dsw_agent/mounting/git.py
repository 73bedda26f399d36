"""How git is run on the node: with which protection, and what its words mean."""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO
from urllib.parse import quote, urlsplit

from dsw.git_words import Lines, percent_of, without_secret
from dsw.mounts import MountReason
from dsw.node_mounts import Repository
from dsw_agent.mounting.refusals import MountRefused

LINES = 12
_CHUNK = 8192
_SETTINGS = (
    "advice.detachedHead=false",
    # Neither the repository nor its cache runs anything of its own here.
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "gc.auto=0",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "safe.directory=*",
    # Only the first request may be sent elsewhere (http to https, a renamed repository).
    "http.followRedirects=initial",
    # A server that says nothing for half a minute is gone.
    "http.lowSpeedLimit=1",
    "http.lowSpeedTime=30",
    # No helper of the machine's own.
    "credential.helper=",
)
_STEPS = {"Receiving objects": (0, 80), "Resolving deltas": (80, 10), "Updating files": (90, 10)}
_NO_RIGHT = re.compile(
    r"Authentication failed|could not read (Username|Password)|error: 40[13]|403 Forbidden", re.I
)
_AWAY = re.compile(
    r"Could not resolve|Failed to connect|Connection (refused|reset|timed out)|Operation too slow|"
    r"timed out|Network is unreachable|error: 5\d\d|SSL|certificate|early EOF|hung up",
    re.I,
)
_NO_REF = re.compile(r"couldn't find remote ref|not our ref|unadvertised object|no such ref", re.I)


class Git:
    """git in one repository's folder, with the credential of its host."""

    def __init__(self, repository: Repository, folder: Path, private: Path, most: int = 0) -> None:
        self.repository = repository
        self._folder = folder
        self._most = most
        self._credential = _credential_file(repository, private)
        self._environment = _environment(private, os.environ)
        self._process: subprocess.Popen[bytes] | None = None

    def run(
        self,
        *arguments: str,
        progress: Callable[[int], None] = lambda percent: None,
        seconds: float | None = None,
    ) -> str:
        """What a command prints; `MountRefused` when it fails, or takes longer than `seconds`."""
        program = shutil.which("git")
        if program is None:
            raise MountRefused(MountReason.ENGINE_FAILED, "There is no git on the node.")
        settings = [*_SETTINGS, *self._credential]
        words: deque[str] = deque(maxlen=LINES)
        with subprocess.Popen(
            [program, *(word for one in settings for word in ("-c", one)), *arguments],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as process:
            return self._follow(process, words, progress, seconds)

    def _follow(
        self,
        process: subprocess.Popen[bytes],
        words: deque[str],
        progress: Callable[[int], None],
        seconds: float | None,
    ) -> str:
        late = _Alarm(process, seconds)
        try:
            if self._most:
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (self._most, self._most))
            for line in _lines(process.stderr):
                percent = percent_of(line, _STEPS)
                if percent is None:
                    words.append(line)
                else:
                    progress(percent)
            output = process.stdout.read() if process.stdout else b""
            if process.wait():
                raise self._refusal("\n".join(words), late.rang)
            return output.decode(errors="replace").strip()
        finally:
            late.cancel()
            kill(process)

    def _refusal(self, words: str, late: bool) -> MountRefused:
        host = urlsplit(self.repository.url).netloc
        ref = self.repository.ref or "HEAD"
        own = self.repository
        said = without_secret(words, own.username, own.secret).splitlines()
        last = next((line for line in reversed(said) if line.strip()), "git said nothing")
        last = last.removeprefix("fatal: ").removeprefix("error: ")
        if late:
            message = f"The git server {host} does not answer in time."
            return MountRefused(MountReason.SOURCE_UNREACHABLE, message)
        if _NO_REF.search(words):
            message = f"The repository has no branch, tag or commit {ref}."
            return MountRefused(MountReason.SOURCE_GONE, message)
        if _NO_RIGHT.search(words):
            message = f"The git server {host} does not let the node read the repository: {last}."
            hint = "Give the dataset a credential for the host, or a newer one."
            return MountRefused(MountReason.REFUSED, message, hint)
        if _AWAY.search(words):
            message = f"The git server {host} cannot be reached: {last}."
            return MountRefused(MountReason.SOURCE_UNREACHABLE, message)
        if "not found" in words:
            message = f"There is no such repository at {host}, or the credential may not see it."
            return MountRefused(MountReason.SOURCE_GONE, message)
        return MountRefused(MountReason.ENGINE_FAILED, f"The checkout failed: {last}.")


class _Alarm:
    """Ends a process that takes too long."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float | None) -> None:
        self.rang = False
        self._process = process
        self._timer = threading.Timer(seconds or 0, self._ring)
        if seconds is not None:
            self._timer.start()

    def _ring(self) -> None:
        self.rang = True
        kill(self._process)

    def cancel(self) -> None:
        self._timer.cancel()


def kill(process: subprocess.Popen[bytes]) -> None:
    """End git with the programs that it started."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _credential_file(repository: Repository, private: Path) -> list[str]:
    """The setting by which git finds the secret, for this host only and in no argument."""
    if not repository.secret:
        return []
    parts = urlsplit(repository.url)
    user, secret = (quote(part, safe="") for part in (repository.username, repository.secret))
    path = private / "credential"
    path.touch(mode=0o600)
    path.write_text(f"{parts.scheme}://{user or 'git'}:{secret}@{parts.netloc}\n")
    return [f"credential.helper=store --file={path}"]


def _environment(home: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """What git sees: nothing that leads it elsewhere, and no configuration of the machine."""
    kept = {
        name: value
        for name, value in environ.items()
        if name.startswith("GIT_SSL_") or not name.startswith("GIT_")
    }
    return kept | {
        "LC_ALL": "C.UTF-8",
        "HOME": str(home),
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_ALLOW_PROTOCOL": "http:https",
        "GIT_ASKPASS": "",
        "GIT_TERMINAL_PROMPT": "0",
    }


def _lines(stream: IO[bytes] | None) -> Iterator[str]:
    lines = Lines()
    while stream is not None and (chunk := os.read(stream.fileno(), _CHUNK)):
        yield from lines.feed(chunk)
    yield from lines.end()
