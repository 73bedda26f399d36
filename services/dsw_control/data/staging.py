"""Where the bytes of an upload are before it is complete, and how it becomes a file.

In a folder of this host it is a hidden file beside its target, so that one step of the file system
makes it the target; what goes to an object store waits in control's own directory.
"""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from dsw.beneath import open_beneath
from dsw.errors import Conflict, NotFound
from dsw.settings import Settings
from dsw.units import format_size
from dsw_control.appending import Appending
from dsw_control.data.folder_files import (
    STAGED,
    as_sentences,
    folder_of,
    on_disk,
    open_regular,
    split,
    sync_folder,
)
from dsw_control.data.listing import below
from dsw_control.data.places import Place
from dsw_control.store.tables import Upload

OWNER = 1000
"""User and group of what is made in a dataset: those of the user inside of instances."""
LEFT_FREE = 2**28
"""Bytes of a disk that no upload takes."""
SYNC_SECONDS = 600.0

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_HARD_LINKS = (PermissionError, NotImplementedError)


class Staging(Protocol):
    """The bytes that have come, in a file that is `named` so. All of it blocks, and raises errors
    for people."""

    named: str

    def open(self) -> int:
        """A descriptor to append with; the file is made when it is not there yet."""

    def size(self) -> int:
        """Bytes that have come."""

    def free(self) -> int:
        """Bytes of room for more."""

    def discard(self) -> None:
        """Nothing of it stays. It may be gone already."""


class InFolder:
    """Beside its target, in the dataset."""

    def __init__(self, place: Place, row: Upload) -> None:
        self._place, self._id, self._path = place, row.id, row.path
        self._folder, self._target = split(row.path)
        self._name = f"{STAGED}{row.id}"
        self.named = below(self._folder, self._name)

    def open(self) -> int:
        """As in `Staging`; folders that are missing on the way are made."""
        self._make_folders()
        with folder_of(self._place, self._folder) as parent, as_sentences(self._path):
            try:
                made = os.open(self._name, _NEW, 0o600, dir_fd=parent)
            except FileExistsError:
                return open_regular(parent, self._name, os.O_WRONLY)
            _give(made, 0o644)
            return made

    def size(self) -> int:
        """As in `Staging`."""
        with suppress(NotFound), folder_of(self._place, self._folder) as parent:
            found = open_regular(parent, self._name, os.O_RDONLY)
            try:
                return os.fstat(found).st_size
            finally:
                os.close(found)
        return 0

    def free(self) -> int:
        """As in `Staging`."""
        with folder_of(self._place) as top:
            facts = os.statvfs(f"/proc/self/fd/{top}")
        return facts.f_bavail * facts.f_frsize - LEFT_FREE

    def discard(self) -> None:
        """As in `Staging`."""
        with suppress(NotFound), folder_of(self._place, self._folder) as parent:
            os.unlink(self._name, dir_fd=parent)

    def target(self) -> bool:
        """Whether something has the name of the target; `Conflict` when it is a folder."""
        try:
            with folder_of(self._place, self._folder) as parent, as_sentences(self._path):
                found = os.stat(self._target, dir_fd=parent, follow_symlinks=False)
        except NotFound:
            return False
        if stat.S_ISDIR(found.st_mode):
            raise Conflict(f"{self._path!r} is a folder.", "Choose another name for the file.")
        return True

    def is_published(self, size: int) -> bool:
        """Whether control gave it its name, and ended before it could write that down."""
        with folder_of(self._place, self._folder) as parent:
            try:
                os.stat(self._name, dir_fd=parent, follow_symlinks=False)
            except FileNotFoundError:
                found = os.stat(self._target, dir_fd=parent, follow_symlinks=False)
                return stat.S_ISREG(found.st_mode) and found.st_size == size
        return False

    def sync(self) -> int:
        """Make the bytes last; how many they are."""
        with folder_of(self._place, self._folder) as parent:
            found = open_regular(parent, self._name, os.O_RDONLY)
            try:
                os.fsync(found)
                return os.fstat(found).st_size
            finally:
                os.close(found)

    def publish(self, overwrite: bool) -> None:
        """Give the file its name. `Conflict` when that is taken and may not be."""
        with folder_of(self._place, self._folder) as parent, as_sentences(self._path):
            if overwrite:
                os.rename(self._name, self._target, src_dir_fd=parent, dst_dir_fd=parent)
            else:
                self._link(parent)
            sync_folder(parent)

    def _link(self, parent: int) -> None:
        """A hard link never replaces what is there, however late that came."""
        ends = {"src_dir_fd": parent, "dst_dir_fd": parent}
        try:
            os.link(self._name, self._target, follow_symlinks=False, **ends)
        except FileExistsError as error:
            if not self._is_linked(parent):
                raise is_there(self._path) from error
        except _NO_HARD_LINKS:
            if self.target():
                raise is_there(self._path) from None
            os.rename(self._name, self._target, **ends)
            return
        os.unlink(self._name, dir_fd=parent)

    def _is_linked(self, parent: int) -> bool:
        """Whether it got its name before, and control ended then."""
        ours = os.stat(self._name, dir_fd=parent, follow_symlinks=False)
        theirs = os.stat(self._target, dir_fd=parent, follow_symlinks=False)
        return os.path.samestat(ours, theirs)

    def _make_folders(self) -> None:
        with folder_of(self._place) as top, as_sentences(self._folder):
            parts = self._folder.split("/") if self._folder else []
            for count in range(len(parts)):
                _make_folder(top, "/".join(parts[:count]), parts[count])


class InData:
    """In control's own directory, on its way to an object store."""

    def __init__(self, settings: Settings, upload_id: str) -> None:
        self.named = upload_id
        self.path = uploads_folder(settings) / upload_id

    def open(self) -> int:
        """As in `Staging`."""
        with as_sentences(""):
            return os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)

    def size(self) -> int:
        """As in `Staging`."""
        return self.path.stat().st_size if self.path.exists() else 0

    def free(self) -> int:
        """As in `Staging`."""
        return shutil.disk_usage(self.path.parent).free - LEFT_FREE

    def discard(self) -> None:
        """As in `Staging`."""
        self.path.unlink(missing_ok=True)


class Arriving(Appending):
    """An upload's file that a request appends to."""

    def __init__(self, file: int, offset: int, most: int, path: str) -> None:
        super().__init__(file, offset, most, "file")
        self._path = path

    async def _store(self, piece: bytes) -> None:
        # Its own descriptor: a storage that hangs may write after this request was given up.
        file = os.dup(self._file)

        def write() -> None:
            try:
                self._append(file, piece)
            finally:
                os.close(file)

        with as_sentences(self._path):
            await on_disk(write)

    async def sync(self) -> None:
        """Make all that has come last."""
        file = os.dup(self._file)

        def flush() -> None:
            try:
                os.fsync(file)
            finally:
                os.close(file)

        with as_sentences(self._path):
            await on_disk(flush, SYNC_SECONDS)


def staging_of(settings: Settings, place: Place, row: Upload) -> InFolder | InData:
    """Where the bytes of this upload are."""
    return InFolder(place, row) if place.host_folder is not None else InData(settings, row.id)


def uploads_folder(settings: Settings) -> Path:
    """Where uploads to object stores wait; only control may look."""
    folder = settings.data / "uploads"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def check_room(staging: Staging, size: int, promised: int) -> None:
    """`Conflict` unless there is room for so many bytes beside those that were promised."""
    left = max(staging.free() - promised, 0)
    if size > left:
        raise Conflict(
            f"There is no room for {format_size(size)}: {format_size(left)} are left.",
            "Delete what is not needed, or ask an administrator.",
        )


def is_there(path: str) -> Conflict:
    """The refusal of a name that is taken."""
    return Conflict(
        f"There is a file {path!r} already.", "Choose another name, or ask to overwrite it."
    )


def _make_folder(top: int, inside: str, name: str) -> None:
    parent = open_beneath(top, inside, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.mkdir(name, 0o755, dir_fd=parent)
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        made = os.open(name, flags, dir_fd=parent)
        try:
            _give(made, 0o755)
        finally:
            os.close(made)
    except FileExistsError:
        pass
    finally:
        os.close(parent)


def _give(made: int, mode: int) -> None:
    """To the user of instances; a control without the right to do that is that user itself."""
    os.fchmod(made, mode)
    if os.geteuid() == 0:
        os.fchown(made, OWNER, OWNER)
