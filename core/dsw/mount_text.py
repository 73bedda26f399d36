"""What is said of a mount, wherever it is shown inside an instance."""

from __future__ import annotations

import os
from collections.abc import Iterable

from dsw.datasets import DataAccess
from dsw.mounts import Holder, MountReason, MountState, MountView

ACCESS = {DataAccess.RO: "read-only", DataAccess.RW: "to read and write"}


def sentence(mount: MountView) -> str:
    """Where a mount is, or how it ended, as one line."""
    name = f"“{mount.name}”"
    if mount.state is MountState.MOUNTING:
        said = [f"Mounting {name}"]
        if mount.percent is not None:
            said.append(f": {mount.percent:.0f} %")
        return "".join([*said, f". {mount.message}" if mount.message else ""])
    if mount.state is MountState.MOUNTED:
        return f"{_what(mount)} is mounted {ACCESS[mount.access]} at {mount.target}{_also(mount)}"
    if mount.state is MountState.DEGRADED:
        # Its files answer with errors meanwhile, so a reader must be told what it is.
        return f"{name} at {mount.target} cannot be read. {mount.message} It is tried again."
    if mount.state is MountState.UNMOUNTING:
        return f"Unmounting {name}. {mount.message}".strip()
    if mount.state is MountState.FAILED:
        return f"{name} was not mounted. {mount.message}".strip()
    return f"{name} is not mounted. {mount.message}".strip()


def busy_text(mount: MountView) -> str:
    """That processes hold a mount, and which."""
    return f"“{mount.name}” is in use by {holders_text(mount.holders)}."


def holders_text(holders: Iterable[Holder], own: int | None = None) -> str:
    """The processes with their numbers; this process is said to be it."""
    own = os.getpid() if own is None else own
    said = [
        f"{holder.command or 'a process'} ({holder.pid}{', this one' if holder.pid == own else ''})"
        for holder in holders
    ]
    return ", ".join(said) or "a process"


def _what(mount: MountView) -> str:
    name = f"“{mount.name}”"
    if mount.dataset_name != mount.name:
        name += f", the dataset “{mount.dataset_name}”,"
    return f"{name} version {mount.version}"


def _also(mount: MountView) -> str:
    kept = "; it comes back at the next start" if mount.keep else ""
    busy = f" {busy_text(mount)}" if mount.reason == MountReason.BUSY and mount.holders else ""
    return f"{kept}.{busy}"
