"""What is known of a saved image: what is in it, what was left out, how to start the like again."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from dsw.base import Model, View
from dsw.mounts import StaticMount
from dsw.snapshots import SnapshotMode

Manager = Literal["pip", "conda", "apt"]


class Package(View):
    """An installed package."""

    manager: Manager
    name: str
    version: str


class PackageChange(View):
    """A package that was added (`before` is None), removed (`after` is None) or changed."""

    manager: Manager
    name: str
    before: str | None = None
    after: str | None = None


class Folder(View):
    """A folder with what it adds to the image, in bytes before compression, and its entries."""

    path: str
    size: int
    entries: int


class LeftOut(View):
    """A path that is not part of the image as it is in the instance, and why."""

    path: str
    reason: str


class Finding(View):
    """A place that looks like a secret; `kind` says of what. The secret itself is not here."""

    path: str
    line: int
    kind: str


class Forecast(View):
    """What a snapshot would ship: bytes before compression, entries, and what they are.

    `since` is the snapshot that it would build on. `refused`: no image can hold these, and a
    snapshot fails. Lists are cut for people; `more_left_out` counts the rest.
    """

    size: int
    entries: int
    since: str | None = None
    folders: list[Folder] = Field(default_factory=list)
    packages: list[PackageChange] = Field(default_factory=list)
    left_out: list[LeftOut] = Field(default_factory=list)
    more_left_out: int = 0
    refused: list[LeftOut] = Field(default_factory=list)
    seconds: float = Field(default=0, description="How long it took to find out.")


class Repository(View):
    """A git repository in the working directory: its folder below it (`.` itself), and where it
    stands. `remote` is without credentials."""

    path: str
    commit: str
    branch: str = ""
    remote: str = ""


class ImageReport(View):
    """What the agent found out while it saved an image.

    `layers` are digests of what was shipped this time, `size` their bytes before compression;
    `squashed`, when older layers were put together. `packages` is all that is installed,
    `changes` what is other than in the image below the first snapshot. `unscanned` counts files
    that were not looked into for secrets.
    """

    mode: SnapshotMode = SnapshotMode.CONSISTENT
    since: str | None = None
    squashed: bool = False
    frozen_ms: int = 0
    layers: list[str] = Field(default_factory=list)
    size: int = 0
    packages: list[Package] = Field(default_factory=list)
    changes: list[PackageChange] = Field(default_factory=list)
    left_out: list[LeftOut] = Field(default_factory=list)
    more_left_out: int = 0
    findings: list[Finding] = Field(default_factory=list)
    unscanned: int = 0
    repositories: list[Repository] = Field(default_factory=list)


class RestoreMount(View):
    """A mount that the instance had; what it is of, not where that lies on the host."""

    target: str
    read_only: bool = False


class RestoreRecord(View):
    """What an instance was when it was saved; enough to start one just like it.

    `environment` has names only.
    """

    image_digest: str
    base_digest: str
    workspace_id: str
    spec: str
    resource_group: str = ""
    code_source: str | None = None
    mounts: list[RestoreMount] = Field(default_factory=list)
    datasets: list[StaticMount] = Field(default_factory=list)
    environment: list[str] = Field(default_factory=list)


class ImageReportView(View):
    """A saved image's report and restore record."""

    image_id: str
    snapshot_id: str
    report: ImageReport
    restore: RestoreRecord
    has_sbom: bool = False


class ImageRestore(Model):
    """Start an instance again exactly as it was when the image was saved. Without names it is
    called as the image is."""

    name: str | None = Field(default=None, description="The hub's named-server name.")
    display_name: str | None = Field(
        default=None, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$"
    )
    start: bool = True
