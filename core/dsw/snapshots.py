"""A snapshot: the act and the record of saving an instance as an image."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field

from dsw.base import Model, View


class SnapshotState(StrEnum):
    """Where a snapshot is; the last three are ends."""

    PREPARING = "Preparing"
    COPYING = "Copying"
    FREEZING = "Freezing"
    PUSHING = "Pushing"
    SAVED = "Saved"
    FAILED = "Failed"
    CANCELLED = "Cancelled"


ENDED = frozenset({SnapshotState.SAVED, SnapshotState.FAILED, SnapshotState.CANCELLED})


class SnapshotCreate(Model):
    """Save an instance as an image of this name (any text, shown in the catalog)."""

    name: str = Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")
    description: str = Field(default="", max_length=2000)


class SnapshotView(View):
    """A snapshot and how far it is; bytes count the layer before compression."""

    id: str
    instance_id: str
    workspace_id: str
    owner: str
    name: str
    description: str = ""
    state: SnapshotState
    reason: str = ""
    message: str = ""
    bytes_done: int = 0
    bytes_total: int | None = None
    image_id: str | None = None
    created_at: datetime
    ended_at: datetime | None = None


class AgentTarget(Model):
    """Where the agent puts the new image.

    `engine`: loaded through the engine's socket as `tag`. `registry`: pushed to `repository`
    (`host[:port]/path`) as `tag`; the base image's layers are mounted from `base`
    (`host[:port]/path@sha256:...`, the same registry).
    """

    kind: Literal["engine", "registry"]
    tag: str
    repository: str = ""
    base: str = ""
    insecure: bool = False
    username: str = ""
    password: str = ""


class AgentRequest(Model):
    """One snapshot, as control hands it to the agent container (a JSON file, mode 0600).

    `upper` is the container's upper directory as the agent sees it; `base_config` the raw OCI or
    Docker image configuration of the image that the container was created from; `mounts` the
    mount points inside the container, which are not part of the image; `exclude` glob patterns on
    top of the built-in list.
    """

    snapshot_id: str
    upper: str
    base_image: str
    base_config: str
    mounts: list[str]
    exclude: list[str] = Field(default_factory=list)
    labels: dict[str, str] = Field(default_factory=dict)
    author: str
    created: datetime
    comment: str
    target: AgentTarget


class AgentReport(View):
    """One JSON line of the agent's standard output; the last one has `state` Saved or Failed."""

    state: SnapshotState
    message: str = ""
    reason: str = ""
    bytes_done: int = 0
    bytes_total: int | None = None
    image: str = ""
    size: int | None = None
    skipped: list[str] = Field(default_factory=list)
