"""How git is run for a code source: with which protection, and what its words on the way mean."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shlex
import shutil
import signal
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from dsw.git_words import Lines, percent_of
from dsw_server.git_credential import VARIABLE, code_file

CHUNK = 8192
LINES = 12

SETTINGS = (
    "advice.detachedHead=false",
    # Neither a template nor a repository runs anything of its own here.
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    # Only the first request may be sent elsewhere (http to https, a renamed repository).
    "http.followRedirects=initial",
    # A server that says nothing for five minutes is gone.
    "http.lowSpeedLimit=1",
    "http.lowSpeedTime=300",
)
_ENVIRONMENT = {
    "LC_ALL": "C.UTF-8",
    "GIT_ALLOW_PROTOCOL": "http:https",
    "GIT_ASKPASS": "",
    "GIT_TERMINAL_PROMPT": "0",
}
STEPS = {"Receiving objects": (0, 80), "Resolving deltas": (80, 15), "Updating files": (95, 5)}


class GitFailed(Exception):
    """git's last words."""


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What git and its helpers see: no token of the hub, and nothing that leads git elsewhere."""
    kept = {
        name: value
        for name, value in environ.items()
        if name.startswith("GIT_SSL_") or not name.startswith(("GIT_", "JUPYTERHUB_", "JPY_"))
    }
    return {**kept, **_ENVIRONMENT, VARIABLE: str(code_file(environ))}


def clone_arguments(url: str, ref: str, target: Path, with_credential: bool) -> list[str]:
    """`git clone` of the whole history. A ref that is a commit is checked out afterwards."""
    arguments = ["clone", "--progress", "--no-recurse-submodules"]
    if is_commit(ref):
        arguments.append("--no-checkout")
    elif ref:
        arguments.append(f"--branch={ref}")
    if with_credential:
        # In the clone's own configuration, for later pulls. The empty one shuts out helpers that
        # the user has set for all hosts: one of those might write the secret down.
        key = "credential.{0.scheme}://{0.netloc}.helper".format(urlsplit(url))
        arguments += [f"--config={key}=", f"--config={key}={helper()}"]
    return [*arguments, "--", url, str(target)]


def is_commit(ref: str) -> bool:
    """Whether a ref is the full name of a commit."""
    return re.fullmatch(r"[0-9a-f]{40}", ref) is not None


def helper() -> str:
    """The credential helper as git's configuration names it."""
    return f"!{shlex.quote(sys.executable)} -I -m dsw_server.git_credential"


async def run(
    arguments: Sequence[str],
    folder: Path,
    environ: Mapping[str, str],
    progress: Callable[[int], None] = lambda percent: None,
) -> None:
    """Run git to its end; `GitFailed` with its last words. When cancelled, git is killed."""
    program = shutil.which("git", path=environ.get("PATH"))
    if program is None:
        raise GitFailed("There is no git in this image.")
    process = await asyncio.create_subprocess_exec(
        program,
        *(word for setting in SETTINGS for word in ("-c", setting)),
        *arguments,
        cwd=folder,
        env=environ,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        _sacrifice(process.pid)
        words: deque[str] = deque(maxlen=LINES)
        async for line in _lines(process.stderr):
            percent = percent_of(line, STEPS)
            if percent is None:
                words.append(line)
            else:
                progress(percent)
        if await process.wait():
            raise GitFailed("\n".join(words) or f"git ended with {process.returncode}.")
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


def _sacrifice(pid: int) -> None:
    # Where memory runs out, the kernel takes git and not the server or a kernel.
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/oom_score_adj").write_text("1000")


async def _lines(stream: asyncio.StreamReader | None) -> AsyncIterator[str]:
    lines = Lines()
    while stream is not None and (chunk := await stream.read(CHUNK)):
        for line in lines.feed(chunk):
            yield line
    for line in lines.end():
        yield line
