"""The interface of an engine as control needs it; spawners have their own road to the engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from dsw.agent import AgentReport, AgentRequest
from dsw.archives import ArchiveRequest, ArchiveResult, ArchiveStep
from dsw.base import Model
from dsw.image_config import ImageConfig
from dsw.image_report import Forecast
from dsw.lifecycle import ContainerView
from dsw.node_mounts import (
    Area,
    NodeMountResult,
    NodeMountsRequest,
    SourceReport,
    SourceRequest,
    WarmReport,
    WarmRequest,
)
from dsw.plan import Mount, RegistryLogin
from dsw.resources import Capacity

Progress = Callable[[int, int], None]


def unheard(done: int, total: int) -> None:
    """Progress that nobody wants to hear of."""


class EngineImage(Model):
    """An image that the engine has: what to run it by, its size in bytes, its configuration."""

    digest: str
    size: int
    config: ImageConfig


class Exit(Model):
    """How an instance's container ended."""

    code: int | None = None
    oom: bool = False


class SnapshotSource(Model):
    """What a snapshot reads of the engine's host: the changes, and the image below them.

    `container` is the engine's id of the container, `lowers` the directories of its image's
    layers, topmost first. `home` is the directory or (without a slash) the volume behind
    `/mnt/workspace`, `freezer` the cgroup directory that freezes the container: empty where it does
    not run, or stands still already. `base` is the engine's id of the image, `base_config` its raw
    configuration.
    """

    container: str
    upper: str
    lowers: list[str]
    home: str = ""
    freezer: str = ""
    base: str
    base_config: str
    mounts: list[str]


class AgentStatus(Model):
    """How far an agent container is; `exit_code` once it has ended."""

    reports: list[AgentReport]
    exit_code: int | None = None


class HelperStatus(Model):
    """Which step a helper does, and its result once it has ended."""

    step: ArchiveStep
    result: ArchiveResult | None = None


class Archives(Protocol):
    """What control asks of an engine to move archives. Failures are `DswError`."""

    async def start(self, transfer_id: str, asked: ArchiveRequest, auth: str) -> None:
        """Start a helper in the transfer's folder; `auth` is a registry's login for it."""

    async def status(self, transfer_id: str) -> HelperStatus | None:
        """How far the transfer's helper is; None without one."""

    async def remove(self, transfer_id: str) -> None:
        """End the transfer's helper and clean up after it; none is no error."""

    async def ids(self) -> list[str]:
        """The transfers that have a helper."""


MountKey = tuple[str, Area, str]
"""An instance's id, an area, and a name in it."""


class MountTable(Model):
    """What is mounted on the node below its folder, each with the number of its device: an object
    store that was mounted anew has another one than what instances still have of the old mount."""

    mounts: dict[MountKey, str]
    sources: dict[str, str]


class SourceStatus(Model):
    """The last that a source's helper said; `exit_code` once it has ended."""

    report: SourceReport | None = None
    exit_code: int | None = None


class WarmStatus(Model):
    """The last that a helper said that warms; `exit_code` once it has ended."""

    report: WarmReport | None = None
    exit_code: int | None = None


class NodeMounts(Protocol):
    """What control asks of an engine to mount data. Failures are `DswError`; helpers outlive
    control, and are found again by the ids that they were started with."""

    async def anchors(self, instance_id: str) -> list[Mount]:
        """Where an instance sees what is mounted for it, then or later."""

    async def path_source(self, instance_id: str, name: str) -> str:
        """The folder of the node that is shown at a path of its own."""

    async def lacks_anchors(self, instance_id: str) -> bool:
        """Whether its container was made before there were anchors."""

    async def apply(self, request: NodeMountsRequest) -> list[NodeMountResult]:
        """Detach and attach; one result for each step, in this order."""

    async def table(self) -> MountTable:
        """What is mounted now. Cheap where control sees the node's mounts itself."""

    async def instances(self) -> list[str]:
        """Ids of the instances that have a folder on the node."""

    async def remove_instances(self, ids: Sequence[str]) -> None:
        """Remove the folders of instances that are gone, with all that is mounted there."""

    async def start_source(self, request: SourceRequest) -> None:
        """Start a source's helper, with the node's folder for its cache unless it has none; one
        that is there already is left alone."""

    async def source_status(self, key: str) -> SourceStatus | None:
        """How far a source's helper is; None without one."""

    async def remove_source(self, key: str) -> None:
        """End a source's helper and what it mounted; none is no error. Its cache stays."""

    async def sources(self) -> list[str]:
        """The keys that have a helper or a mount."""

    async def cache_folder(self, key: str) -> str:
        """The folder of the node that is a source's cache."""

    async def remove_cache(self, key: str) -> None:
        """Delete what was kept of a source; nothing is no error."""

    async def caches(self) -> list[str]:
        """The keys of which something is kept."""

    async def start_warm(self, warming_id: str, request: WarmRequest) -> None:
        """Start the helper that fills a cache; one that is there already is left alone."""

    async def warm_status(self, warming_id: str) -> WarmStatus | None:
        """How far it is; None without one."""

    async def remove_warm(self, warming_id: str) -> None:
        """End it and clean up after it; none is no error."""

    async def tidy(self, warmings: set[str]) -> None:
        """Remove what a killed control left: helpers that have ended, and those that warm for
        others than these."""


class Engine(Protocol):
    """What control asks of an engine. All failures are `DswError`."""

    kind: str
    isolated: bool
    archives: Archives | None
    mounts: NodeMounts | None

    async def capacity(self) -> Capacity:
        """What the engine's host has: cores, memory, GPUs."""

    async def platform(self) -> str:
        """`os/architecture` of the engine's host, as images name it; empty: any will do."""

    async def image(self, reference: str) -> EngineImage | None:
        """The image behind a reference or digest, `None` when the engine does not have it."""

    async def remove_image(self, reference: str) -> None:
        """Drop a tag, and the image when nothing else uses it."""

    async def tag(self, digest: str, name: str) -> None:
        """Give an image a name, `repository:tag`, which another one may have had."""

    async def push(
        self,
        digest: str,
        repository: str,
        tag: str,
        login: RegistryLogin | None,
        progress: Progress = unheard,
    ) -> str:
        """Push a local image to a registry; its `repository@sha256:...` there.

        `progress` hears bytes done and in all, as far as the engine knows, from another thread.
        """

    async def containers(self) -> dict[str, ContainerView]:
        """All instance containers of this installation by instance id."""

    async def exit_of(self, instance_id: str) -> Exit:
        """How an instance's container ended."""

    async def stop(self, instance_id: str) -> None:
        """Stop an instance's container; none is no error."""

    async def remove(self, instance_id: str) -> None:
        """Stop and remove an instance's container; none is no error."""

    async def log_tail(self, instance_id: str, lines: int) -> str:
        """The last lines that the instance printed."""

    async def make_folders(self, folders: list[str]) -> None:
        """Make folders below the NAS root, owned by the instance's user."""

    def mount_source(self, folder: str) -> tuple[str, str, dict[str, str]]:
        """Kind (bind or volume), source and driver options that mount a folder of the NAS."""

    async def snapshot_source(self, instance_id: str) -> SnapshotSource:
        """Where an instance's changes are; `Conflict` when it has no container."""

    async def start_agent(self, request: AgentRequest) -> None:
        """Start the helper that takes a snapshot; one that is there already is left alone.

        The paths of the request are those of the engine's host.
        """

    async def run_forecast(self, request: AgentRequest) -> Forecast:
        """What a snapshot would ship, told by a helper that is gone afterwards."""

    async def agent_status(self, snapshot_id: str) -> AgentStatus | None:
        """What the helper reported so far, `None` when there is no such helper."""

    async def cancel_agent(self, snapshot_id: str) -> None:
        """Ask the helper to end."""

    async def remove_agent(self, snapshot_id: str) -> None:
        """Clean up after a helper that ended."""

    async def agents(self) -> list[str]:
        """Ids of the snapshots that have a helper, and `request.snapshot_id` of forecasts."""

    async def thaw_abandoned(self) -> list[str]:
        """Thaw instances that a helper froze and left so; their ids. What was paused through the
        engine stays paused."""

    async def memory_kills(self) -> dict[str, int]:
        """How often a process of each running container was killed for memory, by instance id."""

    async def close(self) -> None:
        """Close connections."""
