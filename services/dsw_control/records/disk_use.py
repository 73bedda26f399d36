"""How much of a disk a folder takes, told in pieces so that nobody waits for the whole of it.

Its content belongs to users who may change it meanwhile, with any names, links and depth.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

BATCH = 1000
"""Entries that are looked at before it pauses."""

OnFolder = Callable[[int], None]

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_BLOCK = 512


def disk_use(folder: str, on_folder: OnFolder | None = None) -> Iterator[int]:
    """The allocated bytes found so far, after every `BATCH` entries; the last is the sum.

    Hard links count once, links are not followed and other file systems not entered. Each folder
    is opened from one that is open, and three at most are open: neither a swapped link nor any
    depth leads astray. `on_folder` gets each folder, open, before what is in it is counted.
    `OSError` when the folder itself cannot be opened.
    """
    top = os.open(folder, _FOLDER)
    try:
        walk = _Walk(top, os.dup(top), os.fstat(top).st_dev, on_folder)
        try:
            yield from walk.run()
        finally:
            os.close(walk.here)
    finally:
        os.close(top)


@dataclass
class _Level:
    """A folder on the way down, and the names of its folders that were not entered yet."""

    name: str
    inode: int
    waiting: list[str] = field(default_factory=list)


@dataclass
class _Walk:
    """A walk from the open folder `top` on, which is in the open folder `here`."""

    top: int
    here: int
    device: int
    on_folder: OnFolder | None = None
    size: int = 0
    levels: list[_Level] = field(default_factory=list)
    linked: set[int] = field(default_factory=set)

    def run(self) -> Iterator[int]:
        """The bytes so far, again and again."""
        seen = 0
        for number in self._entries():
            seen += number
            if seen >= BATCH:
                seen = 0
                yield self.size
        yield self.size

    def _entries(self) -> Iterator[int]:
        """Counts everything; yields how many entries that were."""
        yield from self._count_folder(".")
        while self.levels:
            level = self.levels[-1]
            if not level.waiting:
                self.levels.pop()
                self._go_up()
                continue
            name = level.waiting.pop()
            if self._go(name, _FOLDER):
                yield from self._count_folder(name)

    def _count_folder(self, name: str) -> Iterator[int]:
        found = os.fstat(self.here)
        level = _Level(name, found.st_ino)
        self.levels.append(level)
        if found.st_dev != self.device:
            return
        if self.on_folder:
            self.on_folder(self.here)
        self.size += found.st_blocks * _BLOCK
        with os.scandir(self.here) as entries:
            for entry in entries:
                self._count(entry, level)
                yield 1

    def _count(self, entry: os.DirEntry[str], level: _Level) -> None:
        try:
            if entry.is_dir(follow_symlinks=False):
                level.waiting.append(entry.name)
                return
            found = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return
        if found.st_dev != self.device or found.st_ino in self.linked:
            return
        if found.st_nlink > 1:
            self.linked.add(found.st_ino)
        self.size += found.st_blocks * _BLOCK

    def _go(self, name: str, flags: int, inode: int | None = None) -> bool:
        """Whether `here` is that folder now; it stays where it is when that is gone or another."""
        try:
            there = os.open(name, flags, dir_fd=self.here)
        except OSError:
            return False
        if inode is not None and os.fstat(there).st_ino != inode:
            os.close(there)
            return False
        os.close(self.here)
        self.here = there
        return True

    def _go_up(self) -> None:
        """Back to the last level. Where that was moved or removed meanwhile, down again from the
        top, as far as the way is still there; what was beyond it is left out."""
        if not self.levels or self._go("..", os.O_RDONLY | os.O_DIRECTORY, self.levels[-1].inode):
            return
        os.close(self.here)
        self.here = os.dup(self.top)
        for depth, level in enumerate(self.levels[1:], 1):
            if not self._go(level.name, _FOLDER, level.inode):
                del self.levels[depth:]
                return
