"""How a path below a folder is opened so that nothing outside of the folder is ever reached.

The kernel resolves it (openat2); on one that cannot, it is walked name by name and no link is
followed at all.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from functools import cache

_OPENAT2 = 437
_RESOLVE = 0x02 | 0x08
"""RESOLVE_NO_MAGICLINKS and RESOLVE_BENEATH."""
_TRIES = 100
_libc = ctypes.CDLL(None, use_errno=True)


class _How(ctypes.Structure):
    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


def open_folder(root: str) -> int:
    """A descriptor of a trusted folder, for `open_beneath`; it cannot be read itself."""
    return os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def open_beneath(root_fd: int, path: str, flags: int, mode: int = 0o666) -> int:
    """Open what lies at a relative path below an open folder; `""` is the folder itself.

    Links are followed while they stay below the folder, and not at all where the kernel is older
    than 5.6. `OSError` otherwise: EXDEV for what leads out (`..` in the path too), ELOOP for a link
    that is not followed, EINVAL for what is no path, or open's own.
    """
    if "\0" in path:
        raise _error(errno.EINVAL, path)
    if path.startswith("/") or ".." in path.split("/"):
        raise _error(errno.EXDEV, path)
    if _kernel_resolves():
        return _openat2(root_fd, path, flags, mode)
    return walk_beneath(root_fd, path, flags, mode)


def walk_beneath(root_fd: int, path: str, flags: int, mode: int = 0o666) -> int:
    """`open_beneath` for kernels that cannot resolve: any link on the way is refused."""
    names = [name for name in path.split("/") if name not in ("", ".")]
    folder = os.dup(root_fd)
    try:
        for name in names[:-1]:
            below = _open_name(folder, name, os.O_PATH | os.O_DIRECTORY)
            os.close(folder)
            folder = below
        return _open_name(folder, names[-1] if names else ".", flags, mode)
    finally:
        os.close(folder)


def _open_name(folder: int, name: str, flags: int, mode: int = 0o666) -> int:
    try:
        opened = os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=folder)
    except OSError as error:
        if error.errno == errno.ENOTDIR and _is_link(folder, name):
            raise _error(errno.ELOOP, name) from None
        raise
    # With O_PATH a link is opened itself.
    if not flags & os.O_NOFOLLOW and stat.S_ISLNK(os.fstat(opened).st_mode):
        os.close(opened)
        raise _error(errno.ELOOP, name)
    return opened


def _is_link(folder: int, name: str) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except OSError:
        return False


def _openat2(root_fd: int, path: str, flags: int, mode: int) -> int:
    creates = flags & (os.O_CREAT | os.O_TMPFILE & ~os.O_DIRECTORY)
    how = _How(flags | os.O_CLOEXEC, mode if creates else 0, _RESOLVE)
    name = os.fsencode(path or ".")
    for _ in range(_TRIES):
        opened: int = _libc.syscall(
            _OPENAT2, root_fd, name, ctypes.byref(how), ctypes.c_size_t(ctypes.sizeof(how))
        )
        if opened >= 0:
            return opened
        number = ctypes.get_errno()
        # EAGAIN: something was renamed meanwhile, and the kernel cannot tell where `..` led to.
        if number not in (errno.EAGAIN, errno.EINTR):
            raise _error(number, path)
    raise _error(errno.EAGAIN, path)


@cache
def _kernel_resolves() -> bool:
    """False before Linux 5.6, and below an engine that does not know the call."""
    here = open_folder("/")
    try:
        os.close(_openat2(here, "", os.O_PATH, 0))
    except OSError:
        return False
    finally:
        os.close(here)
    return True


def _error(number: int, path: str) -> OSError:
    return OSError(number, os.strerror(number), path)
