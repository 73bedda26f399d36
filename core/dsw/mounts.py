"""A mount: a dataset in an instance, from its start (static) or while it runs (dynamic)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import PurePosixPath

from pydantic import Field

from dsw.base import Model, View
from dsw.datasets import DataAccess, DatasetName
from dsw.errors import Invalid
from dsw.locations import clean_path, is_below
from dsw.plan import DATA, DYNAMIC, HOME, SHARED

_SYSTEM = (
    *("/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib32", "/lib64", "/libx32", "/media"),
    *("/opt", "/proc", "/root", "/run", "/sbin", "/sys", "/tmp", "/usr", "/var"),  # noqa: S108
)
_OTHERS = (HOME, SHARED, DYNAMIC, DATA)


class MountKind(StrEnum):
    """From the start of an instance, or while it runs."""

    STATIC = "static"
    DYNAMIC = "dynamic"


class MountState(StrEnum):
    """How far a mount is. A static mount of an instance that does not run is Unmounted."""

    MOUNTING = "Mounting"
    MOUNTED = "Mounted"
    DEGRADED = "Degraded"
    UNMOUNTING = "Unmounting"
    UNMOUNTED = "Unmounted"
    FAILED = "Failed"


class MountReason(StrEnum):
    """Why a mount is in its state, as a stable word."""

    NONE = ""
    REQUESTED = "Requested"
    BUSY = "Busy"
    SOURCE_UNREACHABLE = "SourceUnreachable"
    SOURCE_GONE = "SourceGone"
    REFUSED = "Refused"
    NEEDS_NEW_CONTAINER = "NeedsNewContainer"
    INSTANCE_STOPPED = "InstanceStopped"
    ENGINE_FAILED = "EngineFailed"


class StaticMount(Model):
    """A dataset that an instance has from its start. `dataset` is an id, or a name in the
    instance's workspace; `path` None: the dataset's own; `version` None: the newest at each start.
    """

    dataset: str = Field(min_length=1, max_length=64)
    version: int | None = Field(default=None, ge=1)
    path: str | None = Field(default=None, max_length=300)
    access: DataAccess = DataAccess.RO


class MountCreate(Model):
    """A dataset to mount while the instance runs, at `/mnt/dynamic/<name>`. `keep`: it comes back
    at the next start."""

    dataset: str = Field(min_length=1, max_length=64, description="Id, or name in the workspace.")
    version: int | None = Field(default=None, ge=1)
    name: DatasetName | None = Field(default=None, description="None: the dataset's.")
    access: DataAccess = DataAccess.RO
    keep: bool = False


class Holder(View):
    """A process inside the instance that uses a mount."""

    pid: int
    command: str


class MountView(View):
    """A mount. `holders` are the processes that kept it from being unmounted."""

    id: str
    instance_id: str
    dataset_id: str
    dataset_name: str
    version: int
    kind: MountKind
    name: str
    target: str
    access: DataAccess
    keep: bool = False
    state: MountState
    reason: str = ""
    message: str = ""
    percent: float | None = None
    holders: list[Holder] = Field(default_factory=list)
    created_at: datetime
    ended_at: datetime | None = None


def check_target(path: str) -> str:
    """The path itself when a dataset may be mounted there in an instance; `Invalid` otherwise."""
    # A colon ends the path in the words of an engine.
    if not path.startswith("/") or path == "/" or ":" in path:
        raise _no_target(path)
    clean = f"/{clean_path(path[1:])}"
    hides = any(is_below(other, clean) for other in _OTHERS)
    inside = any(is_below(clean, other) for other in (HOME, SHARED, DYNAMIC))
    deep = is_below(clean, DATA) and str(PurePosixPath(clean).parent) != DATA
    if hides or inside or deep or any(is_below(clean, folder) for folder in _SYSTEM):
        raise _no_target(path)
    return clean


def check_targets(paths: list[str]) -> None:
    """`Invalid` when two targets are one, or one is in another."""
    for number, path in enumerate(paths):
        for other in paths[number + 1 :]:
            if is_below(path, other) or is_below(other, path):
                raise Invalid(
                    f"Two datasets cannot be mounted at {path} and {other}.",
                    "Choose paths of which none is in the other.",
                )


def _no_target(path: str) -> Invalid:
    return Invalid(
        f"Nothing can be mounted at {path[:80]!r}.",
        f"Choose {DATA}/<name> or a folder such as /data/<name>: absolute, and not over folders of "
        f"the system, {HOME}, {SHARED} or {DYNAMIC}.",
    )
