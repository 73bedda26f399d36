"""The kernel's calls for mounts, by descriptors wherever somebody else may rename what is named."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

READ_ONLY, NO_SUID, NO_DEVICES = 1, 2, 4
DETACH = 2
"""Of `unmount`: at once for everybody who looks, also while it is in use."""

_REMOUNT, _BIND = 32, 4096
_NO_FOLLOW = 8
_libc = ctypes.CDLL(None, use_errno=True)


def bind(source: str, target: str) -> None:
    """Show a folder at another one, without what is mounted in it."""
    _mount(source, target, "", _BIND)


def restrict(point: str, read_only: bool) -> None:
    """No devices and no set-user-id programs at a bind; and no writing."""
    flags = NO_SUID | NO_DEVICES | (READ_ONLY if read_only else 0)
    _mount("none", point, "", _REMOUNT | _BIND | flags)


def mount_new(kind: str, target: str) -> None:
    """A file system of the kernel's own."""
    _mount("none", target, kind, NO_SUID | NO_DEVICES)


def unmount(point: str, flags: int = 0) -> None:
    """End the mount at a path whose last name may not be a link. `OSError`: EBUSY, EINVAL (there
    is none)."""
    _check(_libc.umount2(os.fsencode(point), flags | _NO_FOLLOW), point)


def by_descriptor(descriptor: int, name: str = "") -> str:
    """A path to an open file or to what lies in an open folder, whatever is renamed meanwhile."""
    return f"/proc/self/fd/{descriptor}" + (f"/{name}" if name else "")


def mount_id(descriptor: int) -> int:
    """Which mount an open file lies on."""
    for line in Path(f"/proc/self/fdinfo/{descriptor}").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "mnt_id":
            return int(value)
    raise OSError(f"the kernel does not tell the mount of descriptor {descriptor}")


def _mount(source: str, target: str, kind: str, flags: int) -> None:
    source_, target_, kind_ = (os.fsencode(part) for part in (source, target, kind))
    _check(_libc.mount(source_, target_, kind_ or None, ctypes.c_ulong(flags), None), target)


def _check(answer: int, path: str) -> None:
    if answer:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
