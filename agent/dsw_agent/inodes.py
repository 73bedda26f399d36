"""How an inode of an overlay's upper directory becomes a layer entry.

Everything is read through descriptors or one name below a directory descriptor, never by a path.
"""

from __future__ import annotations

import errno
import os
import stat

from dsw_agent.tar_format import Entry, Kind

WHITEOUT = ".wh."
OPAQUE_MARKER = ".wh..wh..opq"

_OPAQUE = ("trusted.overlay.opaque", "user.overlay.opaque")
_FOREIGN = tuple(
    f"{space}.overlay.{word}"
    for space in ("trusted", "user")
    for word in ("redirect", "metacopy", "whiteout")
)
_KINDS = {
    stat.S_IFREG: Kind.FILE,
    stat.S_IFLNK: Kind.SYMLINK,
    stat.S_IFCHR: Kind.CHARACTER,
    stat.S_IFBLK: Kind.BLOCK_DEVICE,
    stat.S_IFDIR: Kind.DIRECTORY,
    stat.S_IFIFO: Kind.FIFO,
}


class Unsupported(Exception):
    """This inode cannot be part of a layer; the text says why."""


def open_directory(name: str, parent: int) -> int:
    """A descriptor of the directory `name` below `parent`; `OSError` when it is none, or a link."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(name, flags, dir_fd=parent)


def descend(root: int, path: str) -> int:
    """A descriptor of the directory at `path` below `root`; `OSError` when a link is on the way."""
    current = os.dup(root)
    for name in path.split("/") if path else ():
        try:
            inside = open_directory(name, current)
        finally:
            os.close(current)
        current = inside
    return current


def open_file(name: str, parent: int) -> int:
    """A descriptor of `name` below `parent` that follows no link and waits for no FIFO."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    return os.open(name, flags, dir_fd=parent)


def is_whiteout(found: os.stat_result) -> bool:
    """Whether overlayfs put this inode there for a deleted name."""
    return stat.S_ISCHR(found.st_mode) and found.st_rdev == 0


def marker(folder: str, name: str) -> Entry:
    """An empty file that tells layer readers about a deletion."""
    return Entry(path=f"{folder}/{name}" if folder else name, mode=0o600)


def entry(
    path: str,
    found: os.stat_result,
    xattrs: tuple[tuple[str, bytes], ...] = (),
    link: str = "",
) -> Entry:
    """The entry of an inode at `path`; `link` is the target of a symbolic link."""
    kind = _KINDS[stat.S_IFMT(found.st_mode)]
    device = (0, 0)
    if kind in (Kind.CHARACTER, Kind.BLOCK_DEVICE):
        device = (os.major(found.st_rdev), os.minor(found.st_rdev))
    return Entry(
        path=path,
        kind=kind,
        mode=stat.S_IMODE(found.st_mode),
        uid=found.st_uid,
        gid=found.st_gid,
        size=found.st_size if kind is Kind.FILE else 0,
        mtime=found.st_mtime_ns,
        link=link,
        device=device,
        xattrs=xattrs,
        inode=found.st_ino,
        ctime=found.st_ctime_ns,
        links=found.st_nlink,
    )


def link_to(first: str, of: Entry) -> Entry:
    """A hard link to a path that is already in the layer."""
    return Entry(
        path=of.path,
        kind=Kind.LINK,
        mode=of.mode,
        uid=of.uid,
        gid=of.gid,
        mtime=of.mtime,
        link=first,
        inode=of.inode,
        ctime=of.ctime,
        links=of.links,
        source=of.source,
    )


def below(parent: int, name: str) -> str:
    """A path for calls that take no directory descriptor; only its last part is ever resolved."""
    return f"/proc/self/fd/{parent}/{name}"


def xattr_names(target: int | str) -> list[str]:
    """Names of the extended attributes; `Unsupported` for overlay features that layers lack."""
    try:
        names = os.listxattr(target, follow_symlinks=isinstance(target, int))
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return []
        raise
    for name in names:
        if name in _FOREIGN:
            raise Unsupported(f"overlay attribute {name}")
    return names


def kept_xattrs(target: int | str, names: list[str]) -> tuple[tuple[str, bytes], ...]:
    """The attributes that belong to the image: `user.*` and file capabilities."""
    kept = []
    for name in sorted(names):
        capability = name == "security.capability"
        mine = name.startswith("user.") and not name.startswith("user.overlay.")
        if capability or (mine and "=" not in name):
            value = os.getxattr(target, name, follow_symlinks=isinstance(target, int))
            kept.append((name, value))
    return tuple(kept)


def is_opaque(directory: int, names: list[str]) -> bool:
    """Whether the directory hides everything that lower layers have at its path."""
    return any(name in names and os.getxattr(directory, name) == b"y" for name in _OPAQUE)
