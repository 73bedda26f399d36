"""How a planned layer is streamed although the files in it may have changed since.

An archive for the engine has to announce the layer's length before its first byte. The announced
length is the plan's plus `SLACK`; what changed files take less or more is set off against that
room, and the zeros that are left end the archive, where every tar reader allows them. So a file
that was replaced or grew a little is saved as it is now, and one that vanished is not in the image.
Only a file that outgrows the room is cut, and only one that shrinks while it is being read is
filled up with zeros; both are noted.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace

from dsw.units import format_size
from dsw_agent import inodes, tar_format
from dsw_agent.failures import Cancellation, FailureReason, SnapshotFailed
from dsw_agent.skipped import Skipped
from dsw_agent.tar_format import Entry, Kind
from dsw_agent.walk import Plan

CHUNK = 1024**2
SLACK = 1024**2
MAX_ROOM = 64 * 1024**2
"""Engines hold the zeros behind an archive in memory while they read them."""

_ZEROS = bytes(CHUNK)


class Layer:
    """An iterator over the bytes of a layer; `diff_id` and `size` are known after the last one.

    With `fixed` the layer has exactly `announced` bytes.
    """

    def __init__(
        self,
        root: int,
        plan: Plan,
        skipped: Skipped,
        cancellation: Cancellation,
        progress: Callable[[int], None],
        fixed: bool = False,
    ) -> None:
        self._root = root
        self._plan = plan
        self._skipped = skipped
        self._cancellation = cancellation
        self._progress = progress
        self._fixed = fixed
        self._room = SLACK
        self._written: dict[int, str] = {}
        self._digest = hashlib.sha256()
        self.announced = plan.size + SLACK if fixed else plan.size
        self.size = 0

    @property
    def diff_id(self) -> str:
        """`sha256:...` of what was streamed so far."""
        return f"sha256:{self._digest.hexdigest()}"

    def __iter__(self) -> Iterator[bytes]:
        buffer = bytearray()
        for part in self._parts():
            buffer += part
            if len(buffer) >= CHUNK:
                yield self._counted(bytes(buffer))
                buffer.clear()
        if buffer:
            yield self._counted(bytes(buffer))

    def _counted(self, chunk: bytes) -> bytes:
        self._cancellation.check()
        self._digest.update(chunk)
        self.size += len(chunk)
        self._progress(min(self.size, self._plan.size))
        return chunk

    def _parts(self) -> Iterator[bytes]:
        descent = _Descent(self._root)
        try:
            for entry in self._plan.entries:
                if entry.inode == 0 or entry.kind not in (Kind.FILE, Kind.LINK, Kind.DIRECTORY):
                    yield tar_format.header(entry)
                elif entry.kind is Kind.DIRECTORY:
                    if not descent.enter(entry):
                        self._skipped.add(entry.path, "removed while it was copied")
                    yield tar_format.header(entry)
                else:
                    yield from self._file(entry, descent.parent_of(entry.path))
        finally:
            descent.close()
        yield tar_format.END
        if self._fixed:
            yield from _zeros(self._room)

    def _file(self, planned: Entry, parent: int | None) -> Iterator[bytes]:
        if parent is None:
            self._settle(planned, 0)
            return
        try:
            descriptor = inodes.open_file(planned.path.rpartition("/")[2], parent)
        except OSError:
            self._vanished(planned)
            return
        try:
            found = os.fstat(descriptor)
            entry = self._current(planned, descriptor, found)
            if entry is None:
                self._vanished(planned)
                return
            if entry is not planned:
                self._settle(planned, tar_format.length(entry))
            if entry.kind is Kind.FILE and found.st_nlink > 1:
                self._written[entry.inode] = entry.path
            yield tar_format.header(entry)
            yield from self._content(descriptor, entry, found)
            yield tar_format.padding(entry.size)
        finally:
            os.close(descriptor)

    def _current(self, planned: Entry, descriptor: int, found: os.stat_result) -> Entry | None:
        """The entry as the file is now, cut to the room there is; None when it is no file."""
        if not stat.S_ISREG(found.st_mode):
            return None
        first = self._written.get(found.st_ino) if found.st_nlink > 1 else None
        same = (found.st_ino, found.st_ctime_ns) == (planned.inode, planned.ctime)
        if same and planned.link == (first or ""):
            return planned
        try:
            names = inodes.xattr_names(descriptor)
        except inodes.Unsupported:
            return None
        entry = inodes.entry(planned.path, found, inodes.kept_xattrs(descriptor, names))
        if first is not None:
            entry = inodes.link_to(first, entry)
        return self._cut(planned, entry) if self._fixed else entry

    def _cut(self, planned: Entry, entry: Entry) -> Entry | None:
        room = tar_format.length(planned) + self._room
        if tar_format.length(entry) <= room:
            return entry
        size = (room - len(tar_format.header(entry))) // tar_format.BLOCK * tar_format.BLOCK
        if size < 0:
            return None
        self._skipped.add(entry.path, f"grew while it was copied; cut at {format_size(size)}")
        return replace(entry, size=size)

    def _vanished(self, planned: Entry) -> None:
        self._skipped.add(planned.path, "removed while it was copied")
        self._settle(planned, 0)

    def _settle(self, planned: Entry, length: int) -> None:
        """Set the length that an entry takes off against the length it was planned with."""
        self._room += tar_format.length(planned) - length
        if self._fixed and self._room > MAX_ROOM:
            raise SnapshotFailed(
                FailureReason.CHANGED_TOO_MUCH,
                f"More than {format_size(MAX_ROOM)} of files were removed while they were copied.",
                "Save again when the instance is less busy.",
            )

    def _content(self, descriptor: int, entry: Entry, found: os.stat_result) -> Iterator[bytes]:
        """Exactly `entry.size` bytes. Holes are not read."""
        sparse = found.st_blocks * 512 < entry.size
        position = 0
        while position < entry.size:
            start, end = _extent(descriptor, position, entry.size) if sparse else (0, entry.size)
            if start > position:
                yield from _zeros(start - position)
                position = start
            while position < end:
                chunk = os.pread(descriptor, min(CHUNK, end - position), position)
                if not chunk:
                    self._skipped.add(entry.path, "shrank while it was copied; ends in zeros")
                    yield from _zeros(entry.size - position)
                    return
                yield chunk
                position += len(chunk)


class _Descent:
    """Open descriptors of the directories above the current entry; None where one is gone."""

    def __init__(self, root: int) -> None:
        self._levels: list[tuple[str, int | None]] = [("", os.dup(root))]

    def enter(self, entry: Entry) -> bool:
        """Go into a directory; False when it is no longer the planned one."""
        parent = self.parent_of(entry.path)
        descriptor = None
        if parent is not None:
            try:
                descriptor = inodes.open_directory(entry.path.rpartition("/")[2], parent)
                if os.fstat(descriptor).st_ino != entry.inode:
                    os.close(descriptor)
                    descriptor = None
            except OSError:
                descriptor = None
        self._levels.append((entry.path, descriptor))
        return descriptor is not None or parent is None

    def parent_of(self, path: str) -> int | None:
        """The descriptor of the directory that holds `path`."""
        folder = path.rpartition("/")[0]
        while self._levels[-1][0] != folder:
            self._leave()
        return self._levels[-1][1]

    def close(self) -> None:
        """Close all of them."""
        while self._levels:
            self._leave()

    def _leave(self) -> None:
        _, descriptor = self._levels.pop()
        if descriptor is not None:
            os.close(descriptor)


def _extent(descriptor: int, position: int, size: int) -> tuple[int, int]:
    """Start and end of the next data from `position` on; both `size` when only a hole is left."""
    try:
        start = os.lseek(descriptor, position, os.SEEK_DATA)
        end = os.lseek(descriptor, start, os.SEEK_HOLE)
    except OSError:
        return size, size
    return min(start, size), min(end, size)


def _zeros(count: int) -> Iterator[bytes]:
    while count > 0:
        yield _ZEROS[:count]
        count -= CHUNK
