"""How `find` is run over open directories: at most a few processes at once, none left behind.

It follows no link, goes by descriptors itself, and is several times faster than Python's walk.
"""

from __future__ import annotations

import os
import re
import select
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dsw_agent.failures import Cancellation, FailureReason, SnapshotFailed

_FORMAT = b"%y %m %i %s %T@ %C@ %n %U %G "
_HARMLESS = (
    b"No such file or directory",
    b"Not a directory",
    b"Too many levels of symbolic links",
)
"""What a tree that changes meanwhile makes it say."""
_POLL_MS = 100


@dataclass(frozen=True, slots=True)
class Listing:
    """What to list: `names` below an open directory and all in them, but not what is in the folder
    `without`. `prefix` is put before every path."""

    directory: int
    names: Sequence[bytes]
    prefix: bytes = b""
    without: bytes = b""


def listed(listings: Sequence[Listing], cancellation: Cancellation) -> list[list[bytes]]:
    """The lines of each listing, parents before children; all are made at the same time."""
    running = [_Find(listing) for listing in listings if listing.names]
    try:
        for find in running:
            while not find.ended(_POLL_MS):
                cancellation.check()
        lines = iter([find.lines() for find in running])
        return [next(lines) if listing.names else [] for listing in listings]
    finally:
        for find in running:
            find.close()


class _Find:
    """One process; its output goes to memory, so that it never waits for its reader."""

    def __init__(self, listing: Listing) -> None:
        self._names = _in_memory(listing.names)
        self._output = os.memfd_create("output", os.MFD_CLOEXEC)
        self._errors = os.memfd_create("errors", os.MFD_CLOEXEC)
        self._life, inherited = os.pipe()
        try:
            self._process = subprocess.Popen(
                _command(listing),
                stdin=self._names,
                stdout=self._output,
                stderr=self._errors,
                cwd=f"/proc/self/fd/{listing.directory}",
                env={"LC_ALL": "C", "PATH": os.defpath},
                pass_fds=[inherited],
            )
        finally:
            os.close(inherited)

    def ended(self, milliseconds: int) -> bool:
        """Whether it ends within this time."""
        poll = select.poll()
        poll.register(self._life, select.POLLIN)
        return bool(poll.poll(milliseconds))

    def lines(self) -> list[bytes]:
        """What it wrote; `SnapshotFailed` when it could not read everything."""
        self._process.wait()
        told = _content(self._errors).splitlines()
        serious = [line for line in told if not line.endswith(_HARMLESS)]
        if serious or (self._process.returncode and not told):
            what = serious[0].decode("utf-8", "replace") if serious else "find ended early"
            raise SnapshotFailed(
                FailureReason.UPPER_UNREADABLE, f"The container's files cannot be read: {what}."
            )
        lines = _content(self._output).split(b"\0")
        lines.pop()
        return lines

    def close(self) -> None:
        """Leave nothing running or open."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        for descriptor in (self._life, self._names, self._output, self._errors):
            os.close(descriptor)


def _command(listing: Listing) -> list[bytes]:
    literal = listing.prefix.replace(b"\\", b"\\\\").replace(b"%", b"%%")
    show = [b"-printf", _FORMAT + literal + b"%p\\0"]
    command = [b"find", b"-files0-from", b"-", b"-xdev"]
    if not listing.without:
        return command + show
    whole = re.sub(rb"([*?\[\]\\])", rb"\\\1", listing.without)
    return [*command, b"-path", whole, *show, b"-prune", b"-o", *show]


def _in_memory(names: Iterable[bytes]) -> int:
    descriptor = os.memfd_create("names", os.MFD_CLOEXEC)
    with open(descriptor, "wb", closefd=False) as file:
        file.write(b"".join(name + b"\0" for name in names))
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _content(descriptor: int) -> bytes:
    with open(descriptor, "rb", closefd=False) as file:
        file.seek(0)
        return file.read()
