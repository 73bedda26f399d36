"""A snapshot: the act and the record of saving an instance as an image."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from dsw.base import Model, View
from dsw.images import ImageTag


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


class SnapshotMode(StrEnum):
    """`consistent`: as the container was at one moment, for which it is frozen; `live`: each file
    as it was when it was read, and nothing is frozen."""

    CONSISTENT = "consistent"
    LIVE = "live"


Pattern = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""A glob pattern of paths: with a leading slash of the whole path, otherwise of its end."""


class SnapshotPolicy(Model):
    """What saving an instance of a workspace keeps to."""

    exclude: list[Pattern] = Field(
        default_factory=list,
        max_length=100,
        description="Paths that never become part of an image, on top of the built-in list.",
    )
    secrets: Literal["warn", "block"] = Field(
        default="warn",
        description="What looks like a secret in a file: it is reported, or nothing is saved.",
    )
    keep_last: int = Field(
        default=5,
        ge=0,
        le=1000,
        description="Images of an instance that saving at its stops keeps; older ones that nobody "
        "uses are deleted. 0: all.",
    )


class SnapshotAsk(Model):
    """What a forecast is asked for, and a part of what a snapshot is."""

    exclude: list[Pattern] = Field(
        default_factory=list, max_length=50, description="Paths to leave out this time."
    )
    full: bool = Field(
        default=False,
        description="All changes in one layer, not only what is new since the last.",
    )


class SnapshotCreate(SnapshotAsk):
    """Save an instance as an image of this name (any text, shown in the catalog)."""

    name: str = Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")
    description: str = Field(default="", max_length=2000)
    mode: SnapshotMode = SnapshotMode.CONSISTENT
    tag: ImageTag | None = Field(
        default=None,
        description="A tag of the workspace for the new image; taken from the one that has it.",
    )


class SnapshotView(View):
    """A snapshot and how far it is; bytes count layers before compression, `rate` is in bytes a
    second, `frozen_ms` how long the container stood still. `automatic`: saved because the instance
    was stopped."""

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
    rate: int | None = None
    seconds_left: int | None = None
    frozen_ms: int | None = None
    mode: SnapshotMode = SnapshotMode.CONSISTENT
    automatic: bool = False
    image_id: str | None = None
    created_at: datetime
    ended_at: datetime | None = None
