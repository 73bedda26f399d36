"""A real overlay file system, as a container has one, and all that can be told of a tree."""

from __future__ import annotations

import ctypes
import os
import shutil
import stat
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)


class Overlay:
    """A mounted stack: `merged` is what the container sees, `upper` what it changed."""

    def __init__(self, folder: Path, lowers: Sequence[Path]) -> None:
        self.upper, self.merged, self._work = folder / "upper", folder / "merged", folder / "work"
        self.lowers = list(lowers)
        for each in (self.upper, self.merged, self._work):
            each.mkdir(parents=True)

    @contextmanager
    def mounted(self) -> Iterator[Path]:
        """The container's view, while it is used."""
        stack = ":".join(map(str, self.lowers))
        options = f"lowerdir={stack},upperdir={self.upper},workdir={self._work}"
        told = (b"overlay", bytes(self.merged), b"overlay", 0, options.encode())
        if _LIBC.mount(*told) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        try:
            yield self.merged
        finally:
            _LIBC.umount2(bytes(self.merged), 2)


def tree(root: Path) -> dict[str, object]:
    """Of each entry: kind, mode, owner, time, attributes, content, and its other names."""
    names: dict[int, list[str]] = defaultdict(list)
    found: dict[str, tuple[int, tuple[object, ...]]] = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder, name)
            about = path.lstat()
            place = str(path.relative_to(root))
            if not stat.S_ISDIR(about.st_mode):
                names[about.st_ino].append(place)
            found[place] = (about.st_ino, _told(path, about))
    return {place: (told, sorted(names[inode])) for place, (inode, told) in found.items()}


def _told(path: Path, about: os.stat_result) -> tuple[object, ...]:
    content: object = None
    if stat.S_ISREG(about.st_mode):
        content = path.read_bytes()
    elif stat.S_ISLNK(about.st_mode):
        content = os.readlink(path)
    attributes = {
        name: os.getxattr(path, name, follow_symlinks=False)
        for name in os.listxattr(path, follow_symlinks=False)
        if name.startswith("user.")
    }
    return (
        oct(about.st_mode),
        (about.st_uid, about.st_gid),
        about.st_mtime_ns,
        about.st_rdev,
        attributes,
        content,
    )


def differences(wanted: dict[str, object], found: dict[str, object]) -> list[str]:
    """What differs between two trees."""
    lines = [f"{path} is missing: {wanted[path]}" for path in wanted.keys() - found.keys()]
    lines += [f"{path} came from nowhere" for path in found.keys() - wanted.keys()]
    for path in wanted.keys() & found.keys():
        if wanted[path] != found[path]:
            lines.append(f"{path}: {wanted[path]} became {found[path]}")
    return sorted(lines)


def copy(source: Path, target: Path) -> None:
    """A copy of a tree with all that `tree` tells."""
    shutil.copytree(source, target, symlinks=True)
    for path in (source, *source.rglob("*")):
        place = target / path.relative_to(source)
        about = path.lstat()
        os.chown(place, about.st_uid, about.st_gid, follow_symlinks=False)
        if not path.is_symlink():
            place.chmod(stat.S_IMODE(about.st_mode))
    for path in (*source.rglob("*"), source):
        place, about = target / path.relative_to(source), path.lstat()
        os.utime(place, ns=(0, about.st_mtime_ns), follow_symlinks=False)
