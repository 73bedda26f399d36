"""The code source of this instance: cloned once, beside the running server, and how far that is.

The user's own work comes first: what is in the way stays, and nothing fails but the clone.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dsw.git_words import without_secret
from dsw_server import git
from dsw_server.git_credential import USERNAME, code_file

if TYPE_CHECKING:
    import logging

    from dsw.code_sources import CodeCheckout


@dataclass(frozen=True)
class Progress:
    """`state` is Cloning, Ready, Failed, or None where there is no code source.

    `message` is for people, and empty when there is nothing new to tell. `ended_at` is a moment in
    UTC, by ISO 8601.
    """

    state: str | None = None
    directory: str = ""
    percent: int | None = None
    message: str = ""
    ended_at: str = ""


class CannotClone(Exception):
    """A sentence for people."""


class Checkout:
    """Clones what `/run/dsw/code` says into the home, unless it is there already."""

    def __init__(self, environ: Mapping[str, str], log: logging.Logger) -> None:
        # Lab may ask before the clone begins.
        self.progress = Progress("Cloning" if code_file(environ).exists() else None)
        self._environ = environ
        self._log = log
        self._home = Path(environ.get("HOME") or "/")
        # The home may be shared by several instances of its owner; each clears up its own.
        self._aside = self._home / f".dsw-clone-{environ.get('DSW_INSTANCE_ID', '')}"
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; the server goes on meanwhile."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End a clone that is under way; nothing of it stays."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        try:
            code = await asyncio.to_thread(read, code_file(self._environ))
            await asyncio.to_thread(shutil.rmtree, self._aside, ignore_errors=True)
            if code is None:
                return
            self.progress = Progress("Cloning", code.directory)
            message = await self._provide(code)
            self.progress = Progress("Ready", code.directory, 100, message)
        except CannotClone as error:
            self.progress = replace(self.progress, state="Failed", message=str(error))
        except OSError as error:
            message = f"Nothing was cloned: {error.strerror or error}."
            self.progress = replace(self.progress, state="Failed", message=message)
        moment = datetime.now(UTC).isoformat(timespec="seconds")
        self.progress = replace(self.progress, ended_at=moment)
        if self.progress.message:
            self._log.info("Code source: %s", self.progress.message)

    async def _provide(self, code: CodeCheckout) -> str:
        """Clone, or leave what is there; a sentence when there is something to tell."""
        if is_there(self._home, code.directory):
            return await self._as_it_is(code)
        try:
            await self._clone(code)
            # Not in a thread: a stop must find the clone either aside or in its place.
            placed = place(self._aside, self._home, code.directory)
        except git.GitFailed as error:
            words = without_secret(str(error), code.username or USERNAME, code.secret)
            raise CannotClone(f"{code.url} could not be cloned. {words}") from error
        finally:
            await asyncio.to_thread(shutil.rmtree, self._aside, ignore_errors=True)
        if not placed:
            return await self._as_it_is(code)
        return f"The code is in {self._home / code.directory}."

    async def _clone(self, code: CodeCheckout) -> None:
        environ = git.environment(self._environ)
        arguments = git.clone_arguments(code.url, code.ref, self._aside, bool(code.secret))
        await git.run(arguments, self._home, environ, self._show)
        if not git.is_commit(code.ref):
            return
        checkout = ["checkout", "--detach", "--progress", code.ref]
        try:
            await git.run(checkout, self._aside, environ, self._show)
        except git.GitFailed:
            # No branch or tag leads to it; a server may give it all the same.
            await git.run(["fetch", "--progress", "origin", code.ref], self._aside, environ)
            await git.run(checkout, self._aside, environ, self._show)

    def _show(self, percent: int) -> None:
        self.progress = replace(self.progress, percent=percent)

    async def _as_it_is(self, code: CodeCheckout) -> str:
        """Nothing to tell when what is there is a clone of the same repository."""
        there = self._home / code.directory
        same = [f"--file={there / '.git' / 'config'}", "--fixed-value", "--get"]
        try:
            await git.run(
                ["config", *same, "remote.origin.url", code.url], self._home, self._environ
            )
        except git.GitFailed:
            return f"{there} was there before and is left as it is; it is no clone of {code.url}."
        return ""


def read(file: Path) -> CodeCheckout | None:
    """What is to be cloned, if anything."""
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return None
    # Not sooner: pydantic would make every server start later.
    from pydantic import ValidationError

    from dsw.code_sources import CodeCheckout

    try:
        return CodeCheckout.model_validate_json(content)
    except ValidationError:
        # Its own words could show the secret.
        raise CannotClone(
            "Nothing was cloned: this image does not understand what the workbench asks for. "
            "Start from a newer image."
        ) from None


def is_there(home: Path, directory: str) -> bool:
    """Whether anything has the name; `CannotClone` when a link or a file is on the way to it."""
    *parents, name = directory.split("/")
    try:
        with _folder(home, parents, make=False) as folder:
            os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def place(clone: Path, home: Path, directory: str) -> bool:
    """Move a finished clone to its place; not when something has come there meanwhile."""
    *parents, name = directory.split("/")
    with _folder(home, parents, make=True) as folder:
        try:
            os.rename(clone, name, dst_dir_fd=folder)
        except OSError as error:
            if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                return False
            raise
    return True


@contextlib.contextmanager
def _folder(home: Path, parts: list[str], make: bool) -> Iterator[int]:
    """A descriptor of the folder below the home, reached without following a link."""
    with contextlib.ExitStack() as stack:
        folder = os.open(home, os.O_DIRECTORY)
        stack.callback(os.close, folder)
        for depth, part in enumerate(parts, 1):
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, dir_fd=folder)
            try:
                folder = os.open(part, os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            except OSError as error:
                if error.errno not in (errno.ELOOP, errno.ENOTDIR):
                    raise
                path = home.joinpath(*parts[:depth])
                raise CannotClone(
                    f"Nothing was cloned: {path} is a link or a file, and no folder can be made "
                    "below it. Move it away, or choose another directory for the code source."
                ) from error
            stack.callback(os.close, folder)
        yield folder
