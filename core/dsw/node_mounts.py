"""What control and the agent tell each other about mounts on a node.

On the node everything lies below one folder whose mounts are shared with the instances:
`instances/<instance id>/<area>/<name>` is what an instance sees of a dataset (`data` at /mnt/data,
`dynamic` at /mnt/dynamic, `paths` at a path of its own), `sources/<key>` is where an object store
is mounted once for all instances of the node.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from dsw.base import Model, View
from dsw.mounts import Holder, MountReason

SHARED_ROOT = "/shared"
"""Where a helper sees the node's folder."""

INSTANCES = "instances"
SOURCES = "sources"
CHECKOUT = "checkout"
"""The folder in a repository's cache that has its files."""


class Area(StrEnum):
    """Where an instance sees a mount."""

    DATA = "data"
    DYNAMIC = "dynamic"
    PATHS = "paths"


class FolderRoot(Model):
    """A folder of the node below which data lies: a host directory, or a volume by the options of
    Docker's local driver (NFS)."""

    path: str = ""
    volume: dict[str, str] = Field(default_factory=dict)


class Attach(Model):
    """Show a folder in an instance. It is `path` below `root`, which the helper sees at `seen`; or
    what is mounted at `sources/<source>`. No link on the way may lead out of it."""

    instance_id: str
    area: Area
    name: str
    read_only: bool
    root: FolderRoot | None = None
    seen: str = ""
    source: str = ""
    path: str = ""


class Detach(Model):
    """Take a mount out of an instance; without a name all of the area, without an area all, with
    the instance's folders: none of its containers may run. `force`: also when processes hold it."""

    instance_id: str
    area: Area | None = None
    name: str = ""
    force: bool = False


class NodeMountsRequest(Model):
    """What one short-lived helper does, detaching first. Each step may have been done before."""

    detach: list[Detach] = Field(default_factory=list)
    attach: list[Attach] = Field(default_factory=list)


class NodeMountResult(View):
    """What came of one step (its `instance_id`, `area`, `name`); one JSON line each."""

    instance_id: str
    area: Area | None = None
    name: str = ""
    ok: bool
    reason: MountReason = MountReason.NONE
    message: str = ""
    holders: list[Holder] = Field(default_factory=list)


class ObjectStore(Model):
    """A bucket as rclone mounts it. `provider` in rclone's words; `region` may be empty."""

    provider: str
    endpoint: str
    region: str = ""
    bucket: str
    prefix: str = ""
    path_style: bool = True
    access_key_id: str = ""
    secret: str = Field(default="", repr=False)


class Repository(Model):
    """A git repository at a branch, tag or commit; the credential is for its host only."""

    url: str
    ref: str = ""
    username: str = ""
    secret: str = Field(default="", repr=False)


class SourceRequest(Model):
    """A source that a node needs. An object store: a helper that mounts it at `sources/<key>` and
    stays. A repository: a helper that checks it out into `cache` and ends.

    `cache` is the helper's folder for what it keeps; `cache_bytes` the most of it, 0: no cache.
    """

    key: str
    store: ObjectStore | None = None
    repository: Repository | None = None
    read_only: bool = True
    cache: str = ""
    cache_bytes: int = 0


class SourceState(StrEnum):
    """How far a source is. The helper of one that is Failed has ended."""

    PREPARING = "Preparing"
    READY = "Ready"
    DEGRADED = "Degraded"
    FAILED = "Failed"


class SourceReport(View):
    """One JSON line of a source's helper; the last one is what is. Bytes since its start.

    `commit` is what a repository was checked out at.
    """

    state: SourceState
    reason: MountReason = MountReason.NONE
    message: str = ""
    percent: float | None = None
    bytes_cached: int = 0
    bytes_read: int = 0
    bytes_fetched: int = 0
    commit: str = ""


class WarmRequest(Model):
    """Read all files below `path` of a mounted source, so that its cache holds them."""

    key: str
    path: str = ""


class WarmReport(View):
    """One JSON line of the helper that warms; the last one has `done` or a message."""

    done: bool = False
    failed: bool = False
    message: str = ""
    bytes_done: int = 0
    bytes_total: int | None = None
    files_done: int = 0
    files_total: int | None = None
