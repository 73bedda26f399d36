"""How a stack of layers looks as one tree: what is hidden, deleted or replaced in it.

Everything in it is hostile: no link is followed, nothing but directories and regular files is
opened, and folders and files beyond a size are taken for absent.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatchcase

from dsw_agent import inodes

MOST_NAMES = 50_000
"""Names of a folder that are looked at."""


class Folder:
    """A folder of the tree: its directories in the layers that show there, topmost first.

    `topmost` is the number of the first of these layers, counted from the top.
    """

    def __init__(self, parts: Sequence[tuple[int, int]]) -> None:
        self._parts = parts
        self.topmost = parts[0][0] if parts else 0

    def names(self) -> list[str]:
        """What it holds, without what is deleted."""
        seen: dict[str, bool] = {}
        for _, directory in self._parts:
            try:
                with os.scandir(directory) as entries:
                    for entry in entries:
                        if len(seen) >= MOST_NAMES:
                            break
                        if entry.name not in seen:
                            seen[entry.name] = not _is_whiteout(entry)
            except OSError:
                continue
        return sorted(name for name, shows in seen.items() if shows)

    def read(self, path: str, limit: int) -> bytes | None:
        """The content of a regular file of at most `limit` bytes; None when there is none."""
        where, _, name = path.rpartition("/")
        if where:
            with self.folder(where) as folder:
                return folder.read(name, limit) if folder else None
        for _, directory in self._parts:
            try:
                return read_file(directory, name, limit)
            except FileNotFoundError:
                continue
            except OSError:
                return None
        return None

    def shows(self, name: str) -> bool:
        """Whether it holds something of this name, of whatever kind."""
        for _, directory in self._parts:
            try:
                return not inodes.is_whiteout(
                    os.stat(name, dir_fd=directory, follow_symlinks=False)
                )
            except FileNotFoundError:
                continue
        return False

    @contextmanager
    def folder(self, path: str) -> Iterator[Folder | None]:
        """The folder at a path relative to this one, while it is used; None: there is none."""
        with ExitStack() as open_ones:
            folder: Folder | None = self
            for name in filter(None, path.split("/")):
                parts = folder._parts_of(name) if folder else []
                for _, directory in parts:
                    open_ones.callback(os.close, directory)
                folder = Folder(parts) if parts else None
            yield folder

    def _parts_of(self, name: str) -> list[tuple[int, int]]:
        """The directories, now open, that the folder `name` has in the layers."""
        found: list[tuple[int, int]] = []
        for layer, directory in self._parts:
            try:
                inside = inodes.open_directory(name, directory)
            except FileNotFoundError:
                continue
            except OSError:
                break  # Deleted here, or something that is no folder hides those below.
            found.append((layer, inside))
            if _is_opaque(inside):
                break
        return found


class Layers(Folder):
    """A stack of layers, each an open directory, topmost first: the root of the tree."""

    def __init__(self, roots: Sequence[int]) -> None:
        super().__init__(list(enumerate(roots)))

    def has(self, folder: str, name: str) -> bool:
        """Whether there is something of this name in a folder."""
        with self.folder(folder) as found:
            return found is not None and found.shows(name)

    def expand(self, pattern: str) -> list[str]:
        """The folders that a path stands for in which `*` is any part of a name."""
        found = [""]
        for part in pattern.split("/"):
            if "*" not in part:
                found = [f"{path}/{part}" if path else part for path in found]
                continue
            found = [f"{path}/{name}" for path in found for name in self._like(path, part)]
        return found

    def _like(self, path: str, pattern: str) -> list[str]:
        with self.folder(path) as folder:
            names = folder.names() if folder else []
            return [name for name in names if fnmatchcase(name, pattern)]


@contextmanager
def open_layers(paths: Sequence[str]) -> Iterator[list[int]]:
    """The directories at these paths, of the host's own choice, open while they are used."""
    with ExitStack() as open_ones:
        descriptors = []
        for path in paths:
            descriptors.append(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
            open_ones.callback(os.close, descriptors[-1])
        yield descriptors


def read_file(directory: int, name: str, limit: int) -> bytes:
    """The content of a regular file; `OSError` when it is none or has more than `limit` bytes."""
    descriptor = inodes.open_file(name, directory)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size > limit:
            raise OSError("not a file that is read")
        with open(descriptor, "rb", buffering=0, closefd=False) as file:
            return file.read(found.st_size) or b""
    finally:
        os.close(descriptor)


def _is_whiteout(entry: os.DirEntry[str]) -> bool:
    if entry.is_file(follow_symlinks=False) or entry.is_dir(follow_symlinks=False):
        return False
    try:
        return inodes.is_whiteout(entry.stat(follow_symlinks=False))
    except OSError:
        return True


def _is_opaque(directory: int) -> bool:
    try:
        return inodes.is_opaque(directory, os.listxattr(directory))
    except OSError:
        return False
