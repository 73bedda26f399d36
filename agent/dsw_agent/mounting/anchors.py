"""The folders in which instances see their mounts: `instances/<instance id>/<area>/<name>`.

Root inside an instance may write into its own area and plant links there, so nothing in one is ever
reached by a path: folders are opened from the one above, without following links.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

from dsw.beneath import open_folder
from dsw.mounts import MountReason
from dsw.node_mounts import INSTANCES, SHARED_ROOT, SOURCES, Area
from dsw_agent.mounting import kernel
from dsw_agent.mounting.refusals import MountRefused

STAGE = "/stage"
"""A folder of the helper's own, where it may mount without anybody seeing it."""
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW


@dataclass(frozen=True)
class Node:
    """Where the helper sees the node's folder, and a folder of its own."""

    shared: str = SHARED_ROOT
    stage: str = field(
        default_factory=lambda: STAGE if os.path.isdir(STAGE) else tempfile.gettempdir()
    )

    def point(self, *parts: str) -> str:
        """The path of a folder below the node's, as the table of mounts has it."""
        return "/".join((os.path.realpath(self.shared), *map(checked, parts)))

    def source(self, key: str) -> str:
        """Where a source is mounted."""
        return self.point(SOURCES, key)

    @contextmanager
    def folder(self, *parts: str, make: bool = False) -> Iterator[int]:
        """A descriptor of a folder below the node's; `OSError` when it is not there."""
        with ExitStack() as stack:
            folder = open_folder(self.shared)
            stack.callback(os.close, folder)
            for name in parts:
                folder = opened(folder, checked(name), make)
                stack.callback(os.close, folder)
            yield folder

    @contextmanager
    def locked(self, instance_id: str, make: bool = False) -> Iterator[None]:
        """Nobody else changes the instance's mounts meanwhile; nothing when it has no folder."""
        with ExitStack() as stack:
            with suppress(FileNotFoundError):
                folder = stack.enter_context(self.folder(INSTANCES, instance_id, make=make))
                lock = os.open(kernel.by_descriptor(folder), os.O_RDONLY | os.O_DIRECTORY)
                stack.callback(os.close, lock)
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def opened(folder: int, name: str, make: bool = False) -> int:
    """A descriptor of a folder in another, made when it is not there; never that of a link."""
    if make:
        with suppress(FileExistsError):
            os.mkdir(name, 0o755, dir_fd=folder)
    return os.open(name, _FOLDER, dir_fd=folder)


def checked(name: str) -> str:
    """The name itself when it is one name of a path."""
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise MountRefused(MountReason.REFUSED, f"{name[:80]!r} is not the name of a mount.")
    return name


def areas(area: Area | None) -> Sequence[Area]:
    """The one, or all of them."""
    return list(Area) if area is None else [area]


def remove(node: Node, instance_id: str) -> None:
    """Remove an instance's folders, with what it left in them. Nothing may be mounted there."""
    with suppress(FileNotFoundError), node.folder(INSTANCES) as instances:
        with node.folder(INSTANCES, instance_id) as instance:
            for area in Area:
                with suppress(FileNotFoundError):
                    with node.folder(INSTANCES, instance_id, area) as folder:
                        clear(folder)
                    os.rmdir(area, dir_fd=instance)
        os.rmdir(instance_id, dir_fd=instances)


def clear(folder: int) -> None:
    """Remove all that lies in a folder; `OSError` EXDEV or EBUSY at the first mount.

    Each folder in it is emptied into it, so that no depth is too deep.
    """
    mount = kernel.mount_id(folder)
    count = 0
    while names := _names(folder):
        for name in names:
            if _unlinked(folder, name):
                continue
            below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            try:
                if kernel.mount_id(below) != mount:
                    raise MountRefused(MountReason.BUSY, "Something is still mounted there.")
                for inner in _names(below):
                    if not _unlinked(below, inner):
                        count += 1
                        aside = f".dsw-{os.getpid()}-{count}"
                        os.rename(inner, aside, src_dir_fd=below, dst_dir_fd=folder)
            finally:
                os.close(below)
            os.rmdir(name, dir_fd=folder)


def _names(folder: int) -> list[str]:
    listed = os.open(kernel.by_descriptor(folder), os.O_RDONLY | os.O_DIRECTORY)
    try:
        return os.listdir(listed)
    finally:
        os.close(listed)


def _unlinked(folder: int, name: str) -> bool:
    """Whether it was no folder, and is gone."""
    try:
        os.unlink(name, dir_fd=folder)
    except IsADirectoryError:
        return False
    return True
