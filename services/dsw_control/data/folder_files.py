"""Files of datasets in folders of this host, reached by descriptors alone.

Whoever has the dataset mounted may change it at any moment, with any names, links and devices: no
path is resolved twice, no link is followed out of the dataset, only regular files are opened.
"""

from __future__ import annotations

import asyncio
import errno
import heapq
import io
import os
import stat
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Literal, TypeVar

from dsw.beneath import open_beneath
from dsw.datasets import FileEntry
from dsw.errors import Conflict, DswError, NotFound, Unavailable
from dsw_control.data import places
from dsw_control.data.contents import PIECE
from dsw_control.data.listing import Mark, below, can_be_asked_for, mark, shown
from dsw_control.data.places import Place

STAGED = ".dsw-upload-"
"""How the names of files begin that are still on their way."""

SECONDS = 30.0
"""A storage that takes longer for one step does not answer."""
_THREADS = ThreadPoolExecutor(32, "dataset-files")
"""Their own: a storage that hangs must not stop what else control does."""

T = TypeVar("T")
Kind = Literal["file", "folder", "link", "other"]


class NoRoom(Conflict):
    """The storage is full."""


async def on_disk(work: Callable[[], T], seconds: float | None = None) -> T:
    """What blocking work on a storage gives; `Unavailable` when that does not answer in time."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(seconds or SECONDS):
            return await loop.run_in_executor(_THREADS, work)
    except TimeoutError as error:
        raise Unavailable("The storage of this dataset does not answer.", "Try later.") from error


@contextmanager
def folder_of(place: Place, path: str = "", flags: int = os.O_PATH) -> Iterator[int]:
    """A descriptor of a folder of the dataset within the block, where the system's errors turn
    into sentences about `path`."""
    try:
        top = places.open_place(place)
    except OSError as error:
        raise Conflict(
            f"The folder of this dataset cannot be opened: {error.strerror}.",
            "Its check says more; whoever registered it can tell.",
        ) from error
    try:
        with as_sentences(path):
            folder = open_beneath(top, path, flags | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                yield folder
            finally:
                os.close(folder)
    finally:
        os.close(top)


@contextmanager
def as_sentences(path: str) -> Iterator[None]:
    """Turn `OSError` about a path of a dataset into an error for people."""
    try:
        yield
    except OSError as error:
        raise _sentence(error, path) from error


def split(path: str) -> tuple[str, str]:
    """The folder that a path is in, and its name."""
    folder, _, name = path.rpartition("/")
    return folder, name


class FolderFiles:
    """`Contents` of a folder that this host has."""

    def __init__(self, place: Place) -> None:
        self._place = place

    async def entries(
        self, path: str, after: Mark | None, limit: int
    ) -> tuple[list[FileEntry], Mark | None]:
        """As in `Contents`. The folder is read as a whole, and only a page of it kept."""
        return await on_disk(lambda: self._entries(path, after, limit))

    async def open(self, path: str) -> HostFile:
        """As in `Contents`."""
        return await on_disk(lambda: self._open(path))

    async def delete(self, path: str) -> None:
        """As in `Contents`."""
        await on_disk(lambda: self._delete(path))

    def _entries(
        self, path: str, after: Mark | None, limit: int
    ) -> tuple[list[FileEntry], Mark | None]:
        with folder_of(self._place, path, os.O_RDONLY) as folder, os.scandir(folder) as found:
            marks = (
                mark(entry.name, entry.is_dir(follow_symlinks=False))
                for entry in found
                if not entry.name.startswith(STAGED)
            )
            kept = heapq.nsmallest(
                limit + 1, (one for one in marks if after is None or one > after)
            )
            page = kept[:limit]
            entries = [entry for one in page if (entry := _entry(folder, path, one)) is not None]
        return entries, page[-1] if len(kept) > limit else None

    def _open(self, path: str) -> HostFile:
        folder, name = split(path)
        with folder_of(self._place, folder) as parent, as_sentences(path):
            return HostFile(open_regular(parent, name, os.O_RDONLY))

    def _delete(self, path: str) -> None:
        folder, name = split(path)
        with folder_of(self._place, folder) as parent, as_sentences(path):
            is_folder = stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
            if is_folder:
                os.rmdir(name, dir_fd=parent)
            else:
                os.unlink(name, dir_fd=parent)
            sync_folder(parent)


def open_regular(parent: int, name: str, flags: int) -> int:
    """A descriptor of a regular file; a device or a pipe is looked at and never opened."""
    found = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        mode = os.fstat(found).st_mode
        if not stat.S_ISREG(mode):
            raise Conflict(
                f"{name!r} is {_KINDS.get(stat.S_IFMT(mode), 'no file')}.", "Name a file."
            )
        return os.open(f"/proc/self/fd/{found}", flags | os.O_NONBLOCK | os.O_CLOEXEC)
    finally:
        os.close(found)


def sync_folder(folder: int) -> None:
    """Make what happened to a folder's names last; the descriptor may be one of O_PATH."""
    readable = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
    try:
        os.fsync(readable)
    except OSError as error:
        # Some network file systems have nothing to do here, and say so.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(readable)


class HostFile:
    """`OpenFile` of a file of this host."""

    def __init__(self, descriptor: int) -> None:
        self._file = io.FileIO(descriptor, "rb")
        found = os.fstat(descriptor)
        self.size = found.st_size
        self.etag = f'"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}"'
        self.modified_at = datetime.fromtimestamp(found.st_mtime, UTC)

    async def read(self, start: int, length: int) -> bytes:
        """As in `OpenFile`."""
        with as_sentences(""):
            return await on_disk(lambda: os.pread(self._file.fileno(), length, start))

    async def stream(self, start: int, end: int) -> AsyncIterator[bytes]:
        """As in `OpenFile`."""
        return self._pieces(start, end)

    async def _pieces(self, start: int, end: int) -> AsyncIterator[bytes]:
        while start < end and (piece := await self.read(start, min(PIECE, end - start))):
            start += len(piece)
            yield piece

    async def close(self) -> None:
        """As in `OpenFile`."""
        self._file.close()


_KINDS = {stat.S_IFDIR: "a folder", stat.S_IFLNK: "a link, which is not followed"}


def _entry(folder: int, path: str, found: Mark) -> FileEntry | None:
    """None for what was removed meanwhile."""
    name = os.fsdecode(found.name)
    try:
        facts = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    kind = _kind(facts.st_mode) if can_be_asked_for(below(path, name)) else "other"
    return FileEntry(
        name=shown(name),
        path=below(path, shown(name)),
        kind=kind,
        size=facts.st_size if kind == "file" else None,
        modified_at=datetime.fromtimestamp(facts.st_mtime, UTC),
    )


def _kind(mode: int) -> Kind:
    if stat.S_ISDIR(mode):
        return "folder"
    if stat.S_ISLNK(mode):
        return "link"
    return "file" if stat.S_ISREG(mode) else "other"


def _sentence(error: OSError, path: str) -> DswError:
    named = f"{path!r}" if path else "The dataset's folder"
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return NotFound(f"There is no {path!r} in this dataset.")
        case errno.EXDEV | errno.ELOOP:
            return Conflict(
                f"{named} leads over a link that is not followed.", "Name what it means."
            )
        case errno.ENOSPC | errno.EDQUOT:
            return NoRoom(
                "There is no room left on the storage of this dataset.",
                "Delete what is not needed, or ask an administrator.",
            )
        case errno.EROFS | errno.EACCES | errno.EPERM:
            return Conflict(
                f"{named} may not be used: {error.strerror}.", "The operator can change that."
            )
        case errno.ENOTEMPTY | errno.EEXIST:
            return Conflict(f"{named} is a folder with files in it.", "Delete those first.")
        case errno.ENAMETOOLONG:
            return Conflict(f"{path[:80]!r}... is too long a name for this storage.")
    return Unavailable(f"The storage of this dataset failed: {error.strerror}.", "Try later.")
