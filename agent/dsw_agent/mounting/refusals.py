"""Why something was not mounted or unmounted, as sentences."""

from __future__ import annotations

import errno
from collections.abc import Sequence

from dsw.errors import DswError
from dsw.mounts import Holder, MountReason

GONE = frozenset(
    {errno.ENOTCONN, errno.ECONNABORTED, errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN}
)
"""What a file system answers whose server is not there."""
_SHOWN = 5


class MountRefused(DswError):
    """A step that could not be done; `reason` for programs, the sentence for people."""

    code = "mount_refused"

    def __init__(
        self, reason: MountReason, message: str, hint: str = "", holders: Sequence[Holder] = ()
    ) -> None:
        super().__init__(message, hint)
        self.reason = reason
        self.holders = list(holders)


def about_data(error: OSError, path: str) -> MountRefused:
    """Why the folder of a dataset could not be opened; `path` as people know it."""
    shown = repr(path[:200]) if path else "The dataset's folder"
    number = error.errno
    if number == errno.ENOENT:
        return MountRefused(MountReason.SOURCE_GONE, f"{shown} is not there.")
    if number == errno.EXDEV:
        return MountRefused(MountReason.REFUSED, f"{shown} leads out of its storage class.")
    if number == errno.ELOOP:
        return MountRefused(MountReason.REFUSED, f"{shown} leads over a link that is not followed.")
    if number == errno.ENOTDIR:
        hint = "A dataset is a folder: register the one that the file is in."
        return MountRefused(MountReason.REFUSED, f"{shown} is not a folder.", hint)
    if number in (errno.EACCES, errno.EPERM):
        return MountRefused(MountReason.REFUSED, f"The node has no right to open {shown}.")
    if number in GONE:
        return unreachable(shown)
    return failed(error)


def unreachable(shown: str = "The dataset's folder") -> MountRefused:
    """The storage is known and does not answer."""
    return MountRefused(
        MountReason.SOURCE_UNREACHABLE, f"{shown} cannot be reached: its storage does not answer."
    )


def busy(holders: Sequence[Holder]) -> MountRefused:
    """Processes in the instance use the mount."""
    named = ", ".join(f"{holder.command.split()[0]} ({holder.pid})" for holder in holders[:_SHOWN])
    more = f" and {len(holders) - _SHOWN} more" if len(holders) > _SHOWN else ""
    users = f"processes use it: {named}{more}" if named else "a process uses it"
    return MountRefused(
        MountReason.BUSY,
        f"It was not unmounted, because {users}.",
        "Close what they have open there, or unmount it by force.",
        holders,
    )


def failed(error: OSError) -> MountRefused:
    """The node could not do it."""
    words = error.strerror or str(error)
    return MountRefused(MountReason.ENGINE_FAILED, f"The node could not mount it: {words}.")
