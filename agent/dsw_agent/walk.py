"""How an upper directory is read while somebody may be changing it: the plan of a layer.

Only directory descriptors are used and no link is ever followed, so a directory that is swapped
for a link while the walk is inside it cannot bring a file of the host into the image.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field

from dsw_agent import inodes, tar_format
from dsw_agent.exclusions import Exclusions, Verdict
from dsw_agent.failures import Cancellation, FailureReason, SnapshotFailed
from dsw_agent.skipped import Skipped, readable
from dsw_agent.tar_format import Entry

PATH_MAX = 4095
_NAMED = 20


@dataclass(slots=True)
class Plan:
    """The entries of a layer, parents before children; `size` is its length in bytes."""

    entries: list[Entry] = field(default_factory=list)
    size: int = len(tar_format.END)

    def add(self, entry: Entry) -> None:
        """Append an entry."""
        self.entries.append(entry)
        self.size += tar_format.length(entry)


@dataclass(slots=True)
class _Level:
    """An open directory and the names in it that are still to be read."""

    descriptor: int
    path: str
    names: Iterator[str]

    def join(self, name: str) -> str:
        return f"{self.path}/{name}" if self.path else name


class Walk:
    """One reading of an upper directory. The root's own attributes are left out, as engines
    neither save nor restore them."""

    def __init__(
        self, root: int, exclusions: Exclusions, skipped: Skipped, cancellation: Cancellation
    ) -> None:
        self._root = root
        self._device = os.fstat(root).st_dev
        self._exclusions = exclusions
        self._skipped = skipped
        self._cancellation = cancellation
        self._plan = Plan()
        self._first: dict[int, str] = {}
        self._refused: list[str] = []

    def plan(self) -> Plan:
        """The plan; `SnapshotFailed` names the files that no layer can hold."""
        levels = [self._level(os.dup(self._root), "")]
        try:
            while levels:
                name = next(levels[-1].names, None)
                if name is None:
                    os.close(levels.pop().descriptor)
                elif (inside := self._visit(levels[-1], name)) is not None:
                    levels.append(inside)
        finally:
            for level in levels:
                os.close(level.descriptor)
        self._complain()
        return self._plan

    def _level(self, descriptor: int, path: str) -> _Level:
        self._cancellation.check()
        return _Level(descriptor, path, iter(sorted(os.listdir(descriptor))))

    def _visit(self, level: _Level, name: str) -> _Level | None:
        path = level.join(name)
        verdict = self._exclusions.verdict(path)
        if verdict is Verdict.RUNTIME:
            return None
        try:
            found = os.stat(name, dir_fd=level.descriptor, follow_symlinks=False)
            if inodes.is_whiteout(found) and verdict is not Verdict.ASKED:
                self._plan.add(inodes.marker(level.path, inodes.WHITEOUT + name))
            elif verdict is not Verdict.KEEP:
                self._skipped.add(path, verdict.value)
            elif name.startswith(inodes.WHITEOUT):
                self._refused.append(
                    f"{readable(path)} (the name means a deletion in image layers)"
                )
            elif len(os.fsencode(path)) > PATH_MAX:
                self._refuse(path, f"the path is longer than {PATH_MAX} bytes")
            elif stat.S_ISSOCK(found.st_mode):
                self._skipped.add(path, "a socket")
            elif stat.S_ISDIR(found.st_mode):
                return self._directory(level, name, path)
            else:
                self._leaf(level, name, path, found)
        except inodes.Unsupported as error:
            self._refuse(path, str(error))
        except FileNotFoundError:
            pass  # Deleted since the directory was listed: as if it had never been there.
        return None

    def _directory(self, level: _Level, name: str, path: str) -> _Level | None:
        try:
            descriptor = inodes.open_directory(name, level.descriptor)
        except NotADirectoryError:
            self._skipped.add(path, "changed while it was read")
            return None
        try:
            found = os.fstat(descriptor)
            if found.st_dev != self._device:
                self._skipped.add(path, "on another file system")
                os.close(descriptor)
                return None
            names = inodes.xattr_names(descriptor)
            self._plan.add(inodes.entry(path, found, inodes.kept_xattrs(descriptor, names)))
            if inodes.is_opaque(descriptor, names):
                self._plan.add(inodes.marker(path, inodes.OPAQUE_MARKER))
            return self._level(descriptor, path)
        except BaseException:
            os.close(descriptor)
            raise

    def _leaf(self, level: _Level, name: str, path: str, found: os.stat_result) -> None:
        if stat.S_ISLNK(found.st_mode):
            try:
                link = os.readlink(name, dir_fd=level.descriptor)
            except OSError:
                self._skipped.add(path, "changed while it was read")
                return
            self._plan.add(inodes.entry(path, found, link=link))
            return
        if not stat.S_ISREG(found.st_mode):
            self._plan.add(inodes.entry(path, found))
            return
        target = inodes.below(level.descriptor, name)
        names = inodes.xattr_names(target)
        entry = inodes.entry(path, found, inodes.kept_xattrs(target, names))
        first = self._first.setdefault(found.st_ino, path) if found.st_nlink > 1 else path
        self._plan.add(entry if first == path else inodes.link_to(first, entry))

    def _refuse(self, path: str, why: str) -> None:
        self._refused.append(f"{readable(path)} ({why})")

    def _complain(self) -> None:
        if not self._refused:
            return
        more = len(self._refused) - _NAMED
        names = "; ".join(self._refused[:_NAMED]) + (f"; and {more} more" if more > 0 else "")
        raise SnapshotFailed(
            FailureReason.UNSUPPORTED_FILE,
            f"These files cannot be part of an image: {names}.",
            "Rename or remove them and save again.",
        )
