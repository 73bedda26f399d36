"""All that can be told of a file tree, entry by entry, and how two trees differ."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

RUNTIME = frozenset(
    [
        "proc",
        "sys",
        "dev",
        "run",
        "tmp",
        ".dockerenv",
        "etc/hosts",
        "etc/hostname",
        "etc/resolv.conf",
    ]
)
"""Of a running container and not of its image."""

_SHOWN = 20


@dataclass(frozen=True)
class Item:
    """One entry; `mtime` in nanoseconds, `names` all paths of the same inode in this tree."""

    kind: str
    mode: int
    owner: tuple[int, int]
    size: int
    mtime: int
    device: int
    link: str
    xattrs: tuple[tuple[str, bytes], ...]
    names: tuple[str, ...]
    digest: str


Tree = dict[str, Item]


def read_tree(root: Path) -> Tree:
    """All entries below a folder by their path, without other file systems and what is of a running
    container only. Read by descriptors, so that no path is too long."""
    inodes: dict[int, list[str]] = {}
    found: dict[str, tuple[int, Item]] = {}
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for path, about, item in _entries(descriptor, "", os.fstat(descriptor).st_dev):
            if not stat.S_ISDIR(about.st_mode):
                inodes.setdefault(about.st_ino, []).append(path)
            found[path] = (about.st_ino, item)
    finally:
        os.close(descriptor)
    groups = {inode: tuple(sorted(names)) for inode, names in inodes.items() if len(names) > 1}
    return {
        path: Item(**{**_values(item), "names": groups.get(inode, ())})
        for path, (inode, item) in found.items()
    }


def differences(before: Tree, after: Tree) -> list[str]:
    """What differs, a line for each, and no more of them than people read."""
    lines = [f"{path!r} is missing" for path in before.keys() - after.keys()]
    lines += [f"{path!r} came from nowhere" for path in after.keys() - before.keys()]
    for path in before.keys() & after.keys():
        old, new = _values(before[path]), _values(after[path])
        lines += [
            f"{path!r}: {name} {value!r} became {new[name]!r}"
            for name, value in old.items()
            if new[name] != value
        ]
    return sorted(lines)[:_SHOWN]


def _values(item: Item) -> dict[str, object]:
    return {field.name: getattr(item, field.name) for field in fields(item)}


def _entries(folder: int, prefix: str, device: int) -> Iterator[tuple[str, os.stat_result, Item]]:
    for name in sorted(os.listdir(folder)):
        path = f"{prefix}{name}"
        about = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if path in RUNTIME or about.st_dev != device:
            continue
        yield path, about, _item(folder, name, about)
        if stat.S_ISDIR(about.st_mode):
            inside = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            try:
                yield from _entries(inside, f"{path}/", device)
            finally:
                os.close(inside)


def _item(folder: int, name: str, about: os.stat_result) -> Item:
    regular, link = stat.S_ISREG(about.st_mode), stat.S_ISLNK(about.st_mode)
    place = f"/proc/self/fd/{folder}/{name}"
    special = stat.S_ISCHR(about.st_mode) or stat.S_ISBLK(about.st_mode)
    return Item(
        kind=stat.filemode(about.st_mode)[0],
        mode=stat.S_IMODE(about.st_mode),
        owner=(about.st_uid, about.st_gid),
        size=about.st_size if regular else 0,
        mtime=about.st_mtime_ns,
        device=about.st_rdev if special else 0,
        link=os.readlink(name, dir_fd=folder) if link else "",
        xattrs=tuple(
            (key, os.getxattr(place, key, follow_symlinks=False))
            for key in sorted(os.listxattr(place, follow_symlinks=False))
        ),
        names=(),
        digest=_digest(folder, name) if regular else "",
    )


def _digest(folder: int, name: str) -> str:
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder)
    with open(descriptor, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
