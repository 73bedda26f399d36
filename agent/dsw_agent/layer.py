"""How a planned layer is streamed although the files in it may have changed since.

An archive for the engine has to announce the layer's length before its first byte. The announced
length is the plan's plus `SLACK`; what changed files take less or more is set off against that
room, and the zeros that are left end the archive, where every tar reader allows them. So a file
that was replaced or grew a little is saved as it is now, and one that vanished is not in the image.
Only a file that outgrows the room is cut, and only one that shrinks while it is being read is
filled up with zeros; both are noted. A registry needs no length, and there no file is cut.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from dsw.units import format_size
from dsw_agent import inodes, tar_format
from dsw_agent.descent import Descent
from dsw_agent.failures import Cancellation, FailureReason, SnapshotFailed
from dsw_agent.skipped import Skipped, readable
from dsw_agent.tar_format import Entry, Kind
from dsw_agent.walk import Plan

CHUNK = 1024**2
SLACK = 1024**2
MAX_ROOM = 64 * 1024**2
"""Engines hold the zeros behind an archive in memory while they read them."""

_AT_ONCE = 64 * 1024
_ZEROS = bytes(CHUNK)


class Layer:
    """The bytes of a planned layer, read from the directories `roots` each time it is iterated.

    With `exact` it has `announced` bytes. `missing` are the planned paths that were not there, or
    not as a whole, when it was read last; `size` and `planned` its bytes then and as planned.
    """

    def __init__(
        self,
        roots: Sequence[int],
        plan: Plan,
        skipped: Skipped,
        cancellation: Cancellation,
        progress: Callable[[int], None],
        exact: bool = False,
    ) -> None:
        self._roots = roots
        self._entries = linked(plan.entries)
        self._skipped = skipped
        self._cancellation = cancellation
        self._progress = progress
        self._exact = exact
        self.planned = sum(map(tar_format.length, self._entries)) + len(tar_format.END)
        self.announced = self.planned + SLACK if exact else None
        self._begin()

    def _begin(self) -> None:
        self._room = SLACK
        self._written: dict[tuple[int, int], str] = {}
        self._folders: dict[tuple[int, str], int] = {}
        self.missing: set[str] = set()
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in chunks(self.parts()):
            self._cancellation.check()
            self.size += len(chunk)
            self._progress(min(self.size, self.planned))
            yield chunk

    def parts(self) -> Iterator[bytes]:
        """The same bytes in pieces of any size."""
        self._begin()
        descents = [
            Descent(root, partial(self._is_planned, source))
            for source, root in enumerate(self._roots)
        ]
        try:
            for entry in self._entries:
                if entry.inode == 0 or entry.kind not in (Kind.FILE, Kind.LINK, Kind.DIRECTORY):
                    yield tar_format.header(entry)
                elif entry.kind is Kind.DIRECTORY:
                    self._folders[entry.source, entry.path] = entry.inode
                    if descents[entry.source].to(entry.path) is None:
                        self._note_missing(entry)
                    yield tar_format.header(entry)
                else:
                    folder, _, name = entry.path.rpartition("/")
                    yield from self._file(entry, name, descents[entry.source].to(folder))
        finally:
            for descent in descents:
                descent.close()
        yield tar_format.END
        if self._exact:
            yield from _zeros(self._room)

    def _is_planned(self, source: int, path: str, descriptor: int) -> bool:
        inode = self._folders.get((source, path))
        return inode is None or os.fstat(descriptor).st_ino == inode

    def _file(self, planned: Entry, name: str, parent: int | None) -> Iterable[bytes]:
        """The entry as the file is now; small ones in one piece."""
        if parent is None:
            return self._vanished(planned, noted=True)
        try:
            descriptor = inodes.open_file(name, parent)
        except OSError:
            return self._vanished(planned)
        small = True
        try:
            found = os.fstat(descriptor)
            entry = self._current(planned, descriptor, found)
            if entry is None:
                return self._vanished(planned)
            if entry is not planned:
                self._settle(planned, tar_format.length(entry))
            if entry.kind is Kind.FILE and found.st_nlink > 1:
                self._written[entry.source, entry.inode] = entry.path
            head = tar_format.header(entry)
            small = entry.size <= _AT_ONCE
            if not small:
                return self._large(head, entry, descriptor, found)
            return (head, self._small(entry, descriptor))
        finally:
            if small:
                os.close(descriptor)

    def _current(self, planned: Entry, descriptor: int, found: os.stat_result) -> Entry | None:
        """The entry as the file is now, cut to the room there is; None when it is no file."""
        if not stat.S_ISREG(found.st_mode):
            return None
        shared = found.st_nlink > 1
        first = self._written.get((planned.source, found.st_ino)) if shared else None
        same = (found.st_ino, found.st_ctime_ns) == (planned.inode, planned.ctime)
        if same and planned.link == (first or "") and self._exact:
            return planned
        try:
            names = inodes.xattr_names(descriptor)
        except inodes.Unsupported as error:
            raise SnapshotFailed(
                FailureReason.UNSUPPORTED_FILE,
                f"This file cannot be part of an image: {readable(planned.path)} ({error}).",
            ) from error
        if same and planned.link == (first or "") and not names:
            return planned
        entry = inodes.entry(planned.path, found, inodes.kept_xattrs(descriptor, names))
        entry = entry._replace(source=planned.source)
        if first is not None:
            entry = inodes.link_to(first, entry)
        return self._cut(planned, entry) if self._exact else entry

    def _cut(self, planned: Entry, entry: Entry) -> Entry | None:
        room = tar_format.length(planned) + self._room
        if tar_format.length(entry) <= room:
            return entry
        size = (room - len(tar_format.header(entry))) // tar_format.BLOCK * tar_format.BLOCK
        if size < 0:
            return None
        self.missing.add(entry.path)
        self._skipped.add(entry.path, f"grew while it was copied; cut at {format_size(size)}")
        return entry._replace(size=size)

    def _vanished(self, planned: Entry, noted: bool = False) -> Iterable[bytes]:
        self._note_missing(planned, noted)
        self._settle(planned, 0)
        return ()

    def _note_missing(self, planned: Entry, noted: bool = False) -> None:
        self.missing.add(planned.path)
        if not noted:
            self._skipped.add(planned.path, "removed while it was copied")

    def _settle(self, planned: Entry, length: int) -> None:
        """Set the length that an entry takes off against the length it was planned with."""
        if not self._exact:
            return
        self._room += tar_format.length(planned) - length
        if self._room > MAX_ROOM:
            raise SnapshotFailed(
                FailureReason.CHANGED_TOO_MUCH,
                f"More than {format_size(MAX_ROOM)} of files were removed while they were copied.",
                "Save again when the instance is less busy.",
            )

    def _small(self, entry: Entry, descriptor: int) -> bytes:
        """Content and padding."""
        if entry.size == 0:
            return b""
        content = os.read(descriptor, entry.size)
        if len(content) < entry.size:
            content = b"".join(self._read(descriptor, entry, 0, entry.size))
        return content + tar_format.padding(entry.size)

    def _large(
        self, head: bytes, entry: Entry, descriptor: int, found: os.stat_result
    ) -> Iterator[bytes]:
        """Header, content and padding. Holes are not read."""
        try:
            yield head
            position = 0
            sparse = found.st_blocks * 512 < entry.size
            while position < entry.size:
                start, end = 0, entry.size
                if sparse:
                    start, end = _extent(descriptor, position, entry.size)
                    yield from _zeros(start - position)
                yield from self._read(descriptor, entry, start, end)
                position = end
            yield tar_format.padding(entry.size)
        finally:
            os.close(descriptor)

    def _read(self, descriptor: int, entry: Entry, start: int, end: int) -> Iterator[bytes]:
        """Exactly the bytes from `start` to `end`."""
        while start < end:
            chunk = os.pread(descriptor, min(CHUNK, end - start), start)
            if not chunk:
                self.missing.add(entry.path)
                self._skipped.add(entry.path, "shrank while it was copied; ends in zeros")
                yield from _zeros(end - start)
                return
            yield chunk
            start += len(chunk)


class Held:
    """A layer that was read before and lies in memory; zeros in it take no room."""

    def __init__(self, parts: Iterable[bytes], progress: Callable[[int], None]) -> None:
        self._parts = list(parts)
        self._progress = progress
        self.announced: int | None = sum(map(len, self._parts))

    def __iter__(self) -> Iterator[bytes]:
        done = 0
        for chunk in chunks(self._parts):
            done += len(chunk)
            self._progress(done)
            yield chunk


def weight(part: bytes) -> int:
    """The memory that a part of a layer takes: none, when it is part of a hole."""
    return 0 if part is _ZEROS else len(part)


def chunks(parts: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of about `CHUNK`."""
    pending: list[bytes] = []
    size = 0
    for part in parts:
        pending.append(part)
        size += len(part)
        if size >= CHUNK:
            yield b"".join(pending)
            pending, size = [], 0
    if pending:
        yield b"".join(pending)


def linked(entries: Iterable[Entry]) -> list[Entry]:
    """The entries with each further name of an inode as a hard link to the first one."""
    first: dict[tuple[int, int, Kind], str] = {}
    done = []
    for entry in entries:
        path = entry.path
        if entry.links > 1 and entry.kind not in (Kind.DIRECTORY, Kind.LINK):
            path = first.setdefault((entry.source, entry.inode, entry.kind), path)
        if path == entry.path:
            done.append(entry)
        elif entry.kind is Kind.FILE:
            done.append(inodes.link_to(path, entry))
        else:
            # Nothing is to be read of what is no file.
            done.append(inodes.link_to(path, entry)._replace(inode=0))
    return done


def _extent(descriptor: int, position: int, size: int) -> tuple[int, int]:
    """Start and end of the next data from `position` on; both `size` when only a hole is left."""
    try:
        start = os.lseek(descriptor, position, os.SEEK_DATA)
        end = os.lseek(descriptor, start, os.SEEK_HOLE)
    except OSError:
        return size, size
    return min(start, size), min(end, size)


def _zeros(count: int) -> Iterator[bytes]:
    while count >= CHUNK:
        yield _ZEROS
        count -= CHUNK
    if count > 0:
        yield bytes(count)
