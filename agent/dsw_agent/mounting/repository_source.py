"""A git repository as a dataset: its files as they were at one commit, in the helper's cache."""

from __future__ import annotations

import re
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from dsw.code_sources import GIT_REF
from dsw.mounts import MountReason
from dsw.node_mounts import CHECKOUT, Repository, SourceReport, SourceRequest, SourceState
from dsw_agent.mounting.anchors import Node
from dsw_agent.mounting.git import Git
from dsw_agent.mounting.refusals import MountRefused
from dsw_agent.mounting.source_reports import SourceReporter

SECONDS_TO_ANSWER = 15.0
_COMMIT = re.compile(r"[0-9a-f]{7,40}")
_DONE = "commit"
"""A file that names the commit whose files are all there."""


def check_out(
    node: Node, request: SourceRequest, reporter: SourceReporter, stop: threading.Event
) -> int:
    """Bring the repository's files to the cache; the exit code."""
    repository = request.repository
    if repository is None:
        raise ValueError("the source is no repository")
    folder = Path(request.cache) / "git"
    folder.mkdir(exist_ok=True)

    def say(percent: int) -> None:
        if stop.is_set():
            raise MountRefused(MountReason.REQUESTED, "The checkout was cancelled.")
        reporter.say(SourceReport(state=SourceState.PREPARING, percent=percent))

    try:
        with tempfile.TemporaryDirectory(prefix="git-", dir=node.stage) as private:
            git = Git(repository, folder, Path(private), request.cache_bytes)
            say(0)
            commit = _commit(git, request, say)
    except MountRefused as error:
        reporter.fail(error)
        return 1
    reporter.say(SourceReport(state=SourceState.READY, percent=100, commit=commit))
    return 0


def _commit(git: Git, request: SourceRequest, say: Callable[[int], None]) -> str:
    repository, cache = git.repository, Path(request.cache)
    files, done = cache / CHECKOUT, cache / _DONE
    git.run("init", "--quiet", "--bare")
    git.run("ls-remote", "--", repository.url, "HEAD", seconds=SECONDS_TO_ANSWER)
    commit = _fetched(git, repository, say)
    if done.is_file() and done.read_text() == commit:
        return commit
    done.unlink(missing_ok=True)
    _check_size(git, commit, request.cache_bytes)
    files.mkdir(exist_ok=True)
    tree = f"--work-tree={files}"
    git.run(tree, "checkout", "--quiet", "--progress", "--force", "--detach", commit, progress=say)
    git.run(tree, "clean", "--quiet", "-ffdx")
    done.write_text(commit)
    return commit


def _fetched(git: Git, repository: Repository, say: Callable[[int], None]) -> str:
    """The commit at the ref, fetched without its history where the server can."""
    fetch = ("fetch", "--progress", "--no-tags", "--no-recurse-submodules", "--force")
    ref = repository.ref or "HEAD"
    if not re.fullmatch(GIT_REF, ref):
        raise MountRefused(MountReason.REFUSED, f"{ref[:80]!r} is not a branch, tag or commit.")
    try:
        git.run(*fetch, "--depth=1", "--", repository.url, ref, progress=say)
        return git.run("rev-parse", "FETCH_HEAD^{commit}")
    except MountRefused as error:
        if error.reason is not MountReason.SOURCE_GONE or not _COMMIT.fullmatch(ref):
            raise
        # Not every server gives a commit by its name.
        everything = ("+refs/heads/*:refs/dsw/heads/*", "+refs/tags/*:refs/dsw/tags/*")
        git.run(*fetch, "--refetch", "--", repository.url, *everything, progress=say)
        with suppress(MountRefused):
            return git.run("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
        raise


def _check_size(git: Git, commit: str, most: int) -> None:
    if not most:
        return
    sizes = git.run("ls-tree", "-r", "-z", "--format=%(objectsize)", commit).split("\0")
    total = sum(int(size) for size in sizes if size.strip().isdigit())
    if total > most:
        raise MountRefused(
            MountReason.REFUSED,
            f"The repository's files are {total} bytes; the node keeps at most {most}.",
        )
