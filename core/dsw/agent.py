"""What control and the agent tell each other: one request file in, report lines and files out."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from dsw.base import Model, View
from dsw.snapshots import SnapshotMode, SnapshotState

INDEX_FILE = "index"
"""In the work folder: what the instance's last snapshot holds. The agent writes a new one into the
snapshot's own folder below; control moves it here once the image is in the catalog."""
REPORT_FILE = "report.json"
"""In the snapshot's folder: a `dsw.image_report.ImageReport`."""
SBOM_FILE = "sbom.json"
"""In the snapshot's folder: CycloneDX, JSON."""


class AgentTarget(Model):
    """Where the agent puts the new image.

    `engine`: loaded through the engine's socket as `tag`. `registry`: pushed to `repository`
    (`host[:port]/path`) as `tag`; the base image's layers are mounted from `base`
    (`host[:port]/path@sha256:...`, the same registry). `token_file`, where there is one, holds a
    bearer token for just that; control writes a new one before it expires.
    """

    kind: Literal["engine", "registry"]
    tag: str
    repository: str = ""
    base: str = ""
    insecure: bool = False
    username: str = ""
    password: str = Field(default="", repr=False)
    token_file: str = ""
    compression: Literal["gzip", "zstd"] = "gzip"


class AgentLayer(Model):
    """A layer that is stored: `diff_id` of its tar, and the blob in a registry (`digest`, `size` in
    bytes, `media_type`); those are empty where an engine has it."""

    diff_id: str
    digest: str = ""
    size: int = 0
    media_type: str = ""


class PreviousSnapshot(Model):
    """The instance's last snapshot, when its image is still there: a new one may build on it."""

    snapshot_id: str
    image: str


class AgentRequest(Model):
    """One snapshot or forecast, as control hands it to the agent (a JSON file, mode 0600).

    All paths are as the agent sees them. `upper` is the container's upper directory, `lowers` the
    directories of the image's layers, topmost first; `home` the instance's working directory
    (empty: not at hand) and `freezer` the container's cgroup directory (empty: it does not run).
    `work` is a folder that is kept for the instance. `container` names the container; an index of
    another one is of no use. `base_config` is the raw OCI or Docker configuration of the image
    that the container was created from, of whose topmost layers `base_saved` came by snapshots and
    may be squashed. `mounts` are the mount points inside the container, which are not part of the
    image; `exclude` glob patterns on top of the built-in list. `secrets`: whether what looks like
    one is only reported, or ends the snapshot.
    """

    snapshot_id: str
    container: str = ""
    upper: str
    lowers: list[str] = Field(default_factory=list)
    home: str = ""
    freezer: str = ""
    work: str = ""
    base_image: str
    base_config: str
    base_saved: int = 0
    mounts: list[str]
    exclude: list[str] = Field(default_factory=list)
    mode: SnapshotMode = SnapshotMode.CONSISTENT
    previous: PreviousSnapshot | None = None
    secrets: Literal["warn", "block"] = "warn"
    labels: dict[str, str] = Field(default_factory=dict)
    author: str
    created: datetime
    comment: str
    target: AgentTarget


class AgentReport(View):
    """One JSON line of the agent's standard output; the last one has `state` Saved or Failed.

    Bytes count layers before compression; `rate` in bytes a second. `frozen_ms` is how long the
    container stood still.
    """

    state: SnapshotState
    message: str = ""
    reason: str = ""
    bytes_done: int = 0
    bytes_total: int | None = None
    rate: int | None = None
    seconds_left: int | None = None
    frozen_ms: int | None = None
    image: str = ""
    size: int | None = None
    skipped: list[str] = Field(default_factory=list)
