"""Project quotas, by which Linux bounds what a folder may hold: XFS, and ext4 with `prjquota`.

A folder carries the number of a project, which all that is made in it inherits; the file system
counts the project's blocks and refuses what goes beyond its limit.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import stat
import struct
from typing import NamedTuple

_QUOTACTL_FD = 443
"""The system call, the same on x86-64 and arm64; Linux 5.14 and newer. The C library has none."""

_PRJQUOTA = 2
_GET_QUOTA = 0x800007
_SET_QUOTA = 0x800008
_GET_STATE = (ord("X") << 8) + 8
_ENFORCED = 1 << 5

# struct if_dqblk: hard and soft limit in KiB, bytes used, the same of files, times, what is valid.
_AMOUNTS = struct.Struct("<QQQQQQQQI4x")
_LIMITS_VALID = 1
_STATE_VERSION = b"\x01"
_STATE_SIZE = 256

# struct fsxattr: flags, two hints, the project, a hint.
_ATTRIBUTES = struct.Struct("<IIIII8x")
_GET_ATTRIBUTES = 0x801C581F
_SET_ATTRIBUTES = 0x401C5820
_INHERIT = 0x200

_libc = ctypes.CDLL(None, use_errno=True)


class Held(NamedTuple):
    """What the file system knows of a project: bytes, and entries. `limit` 0: none."""

    limit: int
    used: int
    entries: int


def why_not(folder: int) -> str:
    """Why limits cannot be enforced where this open folder is; empty: they are."""
    state = ctypes.create_string_buffer(_STATE_SIZE)
    state[0] = _STATE_VERSION
    try:
        _quotactl(folder, _GET_STATE, 0, state)
    except PermissionError:
        return "control does not run as root"
    except OSError:
        return (
            "the file system of the NAS has no project quotas (XFS and ext4 have them when mounted "
            "with prjquota), or the kernel is older than 5.14"
        )
    (flags,) = struct.unpack_from("<H", state.raw, 2)
    if not flags & _ENFORCED:
        return "the file system of the NAS is not mounted with prjquota"
    return "" if os.geteuid() == 0 else "control does not run as root"


def held(folder: int, project: int) -> Held:
    """What a project uses and may use on the file system of an open folder; `OSError`."""
    amounts = ctypes.create_string_buffer(_AMOUNTS.size)
    try:
        _quotactl(folder, _GET_QUOTA, project, amounts)
    except FileNotFoundError:
        # XFS knows no project that was never used.
        return Held(0, 0, 0)
    limit, _, used, _, _, entries, *_ = _AMOUNTS.unpack(amounts.raw)
    return Held(limit * 1024, used, entries)


def set_limit(folder: int, project: int, limit: int) -> None:
    """Bound a project on the file system of an open folder: bytes, 0 for no bound; `OSError`."""
    amounts = _AMOUNTS.pack(-(-limit // 1024), 0, 0, 0, 0, 0, 0, 0, _LIMITS_VALID)
    _quotactl(folder, _SET_QUOTA, project, ctypes.create_string_buffer(amounts, len(amounts)))


def project_of(file: int) -> int:
    """The project of an open file or folder, 0 when it has none; `OSError`."""
    return _attributes(file)[3]


def claim(folder: int, project: int) -> None:
    """Bring an open folder and the files in it into a project, not the folders in it.

    New entries inherit it. Files that are gone meanwhile, or that cannot be changed, are left out.
    `OSError` when the folder itself cannot be brought.
    """
    attributes = _attributes(folder)
    if attributes[3] == project and attributes[0] & _INHERIT:
        return
    # The folder first: what is made in it from now on is counted.
    _set_project(folder, project, _INHERIT)
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_file(follow_symlinks=False):
                _claim_file(folder, entry.name, project)


def _claim_file(folder: int, name: str, project: int) -> None:
    try:
        found = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return
    try:
        # By its descriptor: another process may put a device or a pipe in its place.
        if not _is_file(found):
            return
        file = os.open(f"/proc/self/fd/{found}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            _set_project(file, project, 0)
        finally:
            os.close(file)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EACCES, errno.ENOENT, errno.EWOULDBLOCK):
            raise
    finally:
        os.close(found)


def _is_file(file: int) -> bool:
    return stat.S_ISREG(os.fstat(file).st_mode)


def _attributes(file: int) -> tuple[int, int, int, int, int]:
    raw = bytearray(_ATTRIBUTES.size)
    fcntl.ioctl(file, _GET_ATTRIBUTES, raw)
    flags, extent, extents, project, clone = _ATTRIBUTES.unpack(raw)
    return flags, extent, extents, project, clone


def _set_project(file: int, project: int, flags: int) -> None:
    have, extent, extents, _, clone = _attributes(file)
    new = _ATTRIBUTES.pack(have | flags, extent, extents, project, clone)
    fcntl.ioctl(file, _SET_ATTRIBUTES, new)


def _quotactl(
    folder: int, command: int, project: int, amounts: ctypes.Array[ctypes.c_char]
) -> None:
    number = ctypes.c_uint(command << 8 | _PRJQUOTA)
    if _libc.syscall(_QUOTACTL_FD, folder, number, ctypes.c_uint(project), amounts):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
