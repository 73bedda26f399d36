"""What is in an upper directory, read so quickly that a container can stand still meanwhile.

One line of bytes for each entry, in which every change of the entry shows: two readings are
compared as sets of lines, without taking the lines apart. 200,000 entries take half a second, and
half of that by two processes.

A write through a memory map renews a file's ctime only when the page was clean. Therefore a reading
is preceded by `syncfs`, and what changed after that began is taken for changed the next time.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from dsw_agent import inodes
from dsw_agent.exclusions import Exclusions, Verdict
from dsw_agent.failures import Cancellation
from dsw_agent.find import Listing, listed

GRANULARITY = 50_000_000
"""Nanoseconds by which a clock reading of the file system may be behind."""

_FIELDS = 9
_WORTH_SHARING = 20_000
_MOST = 0.6
_STALE = b"f 0 0 0 0.0 0.0 0 0 0 "


class Found(NamedTuple):
    """An entry as a line tells it: `kind` is find's letter (f, d, l, c, b, p, s), `mode` the
    permission bits, `size` in bytes, times in nanoseconds, `path` relative to the root."""

    kind: str
    mode: int
    inode: int
    size: int
    mtime: int
    ctime: int
    links: int
    uid: int
    gid: int
    path: str


def parse(line: bytes) -> Found:
    """Take a line apart."""
    kind, mode, inode, size, mtime, ctime, links, uid, gid, path = line.split(b" ", _FIELDS)
    return Found(
        kind.decode(),
        int(mode, 8),
        int(inode),
        int(size),
        _nanoseconds(mtime),
        _nanoseconds(ctime),
        int(links),
        int(uid),
        int(gid),
        os.fsdecode(path),
    )


def path_of(line: bytes) -> bytes:
    """The path alone."""
    return line.split(b" ", _FIELDS)[_FIELDS]


def _nanoseconds(text: bytes) -> int:
    """Of `SECONDS.FRACTION`, where the fraction counts forward also before 1970: find writes
    `-1.999999999` a nanosecond before it."""
    seconds, _, fraction = text.partition(b".")
    return int(seconds) * 10**9 + int(fraction[:9])


def _changed_at(line: bytes) -> int:
    return _nanoseconds(line.split(b" ", 6)[5])


@dataclass(frozen=True)
class Scan:
    """One reading: `lines` have parents before children and each folder's content in one piece.

    `synced` is when the `syncfs` before it began, in nanoseconds since 1970.
    """

    lines: list[bytes]
    synced: int = 0

    @cached_property
    def settled(self) -> frozenset[bytes]:
        """The lines whose entries have not changed if a later reading has them too."""
        before = self.synced - GRANULARITY
        return frozenset(line for line in self.lines if _changed_at(line) < before)

    @cached_property
    def all(self) -> frozenset[bytes]:
        """All lines."""
        return frozenset(self.lines)

    @cached_property
    def dense(self) -> tuple[bytes, Counter[bytes]] | None:
        """The deepest folder that holds most entries, with their number below each name in it;
        None when there are too few to share."""
        if len(self.lines) < _WORTH_SHARING:
            return None
        paths = [path_of(line) for line in self.lines]
        folder, counts = b"", Counter(path.partition(b"/")[0] for path in paths)
        while (most := counts.most_common(1)[0])[1] > _MOST * len(self.lines):
            prefix = (folder + b"/" if folder else b"") + most[0] + b"/"
            paths = [path for path in paths if path.startswith(prefix)]
            if not paths:
                break
            start = len(prefix)
            folder = prefix[:-1]
            counts = Counter(path[start:].partition(b"/")[0] for path in paths)
        return folder, counts

    def prepare(self) -> None:
        """Work out now what comparing and repeating it takes, and not when it is to be quick."""
        _ = self.settled, self.all, self.dense

    def found(self) -> Iterator[Found]:
        """All entries, taken apart."""
        return map(parse, self.lines)

    def without(self, paths: Collection[str], before: Scan) -> Scan:
        """The same reading, as if these had not been there. Those that the reading `before` had are
        in it with a line that no entry has: they are still there for whoever has that reading."""
        if not paths:
            return self
        absent = {os.fsencode(path) for path in paths}
        lines = [line for line in self.lines if path_of(line) not in absent]
        lines += [_STALE + path for path in map(path_of, before.lines) if path in absent]
        return Scan(lines, self.synced)


def sync(root: int) -> int:
    """Write back what the file system of `root` holds in memory; when that began."""
    began = time.time_ns()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syncfs(root) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return began


def scan(
    root: int,
    exclusions: Exclusions,
    cancellation: Cancellation,
    synced: int = 0,
    last: Scan | None = None,
) -> Scan:
    """Read what is below the directory `root`, but for what is left out at its top.

    What is left out further below is in it. `last` tells how to share the work between processes;
    nothing else is taken from it.
    """
    tops = [os.fsencode(name) for name in os.listdir(root) if _counts(name, exclusions)]
    if last is not None and last.dense is not None:
        lines = _shared(root, tops, last.dense, cancellation)
        if lines is not None:
            return Scan(lines, synced)
    return Scan(listed([Listing(root, tops)], cancellation)[0], synced)


def _counts(name: str, exclusions: Exclusions) -> bool:
    return exclusions.verdict(name) not in (Verdict.RUNTIME, Verdict.ASKED)


def _shared(
    root: int, tops: list[bytes], dense: tuple[bytes, Counter[bytes]], cancellation: Cancellation
) -> list[bytes] | None:
    """The lines, read by several processes; None when the dense folder is no longer there."""
    folder, counts = dense
    try:
        directory = inodes.descend(root, os.fsdecode(folder))
    except OSError:
        return None
    try:
        halves = _halves([os.fsencode(name) for name in os.listdir(directory)], counts)
        if not folder:
            kept = set(tops)
            halves = [[name for name in half if name in kept] for half in halves]
            first, second = listed([Listing(root, half) for half in halves], cancellation)
            return first + second
        inside = [Listing(directory, half, folder + b"/") for half in halves]
        outside = Listing(root, tops, without=folder)
        around, first, second = listed([outside, *inside], cancellation)
    finally:
        os.close(directory)
    ends = b" " + folder
    for number, line in enumerate(around):
        if line.endswith(ends) and path_of(line) == folder:
            return around[: number + 1] + first + second + around[number + 1 :]
    return None


def _halves(names: list[bytes], counts: Counter[bytes]) -> list[list[bytes]]:
    """Two lists of names with about as many entries below them."""
    halves: list[list[bytes]] = [[], []]
    weights = [0, 0]
    for name in sorted(names, key=lambda name: -counts[name]):
        lighter = weights[1] < weights[0]
        halves[lighter].append(name)
        weights[lighter] += counts[name] + 1
    return halves
