"""The engine without containers: the hub starts local processes, and control only keeps folders."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from dsw.agent import AgentRequest
from dsw.errors import Conflict, EngineFailed
from dsw.image_report import Forecast
from dsw.lifecycle import ContainerView
from dsw.plan import RegistryLogin
from dsw.resources import Capacity
from dsw.settings import Settings
from dsw_control.engines.base import (
    AgentStatus,
    Archives,
    EngineImage,
    Exit,
    NodeMounts,
    Progress,
    SnapshotSource,
    unheard,
)


class ProcessEngine:
    """Instances are processes of the hub's own user: no isolation, no images."""

    kind = "process"
    isolated = False
    archives: Archives | None = None
    mounts: NodeMounts | None = None

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def capacity(self) -> Capacity:
        """This machine's."""
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return Capacity(cpu=os.cpu_count() or 1, memory=memory)

    async def platform(self) -> str:
        """There are no images."""
        return ""

    async def image(self, reference: str) -> EngineImage | None:
        """There are no images."""
        return None

    async def remove_image(self, reference: str) -> None:
        """There are no images."""

    async def tag(self, digest: str, name: str) -> None:
        """There are no images."""

    async def push(
        self,
        digest: str,
        repository: str,
        tag: str,
        login: RegistryLogin | None,
        progress: Progress = unheard,
    ) -> str:
        """There are no images."""
        raise Conflict("There is no image to push.")

    async def containers(self) -> dict[str, ContainerView]:
        """There are no containers; the hub alone sees the processes."""
        return {}

    async def exit_of(self, instance_id: str) -> Exit:
        """Nobody tells."""
        return Exit()

    async def stop(self, instance_id: str) -> None:
        """The hub ends the process."""

    async def remove(self, instance_id: str) -> None:
        """There is nothing to remove."""

    async def log_tail(self, instance_id: str, lines: int) -> str:
        """What the process printed is in the hub's log."""
        return "see the hub's log"

    async def make_folders(self, folders: list[str]) -> None:
        """Make folders below the NAS root."""
        root = Path(self._settings.nas_root)

        def make() -> None:
            for folder in folders:
                (root / folder).mkdir(parents=True, exist_ok=True, mode=0o700)

        try:
            await asyncio.to_thread(make)
        except OSError as error:
            raise EngineFailed(
                f"The storage {root} cannot be used: {error.strerror}.", "Ask an administrator."
            ) from error

    def mount_source(self, folder: str) -> tuple[str, str, dict[str, str]]:
        """The folder itself: nothing is mounted."""
        return "bind", str(Path(self._settings.nas_root) / folder), {}

    async def snapshot_source(self, instance_id: str) -> SnapshotSource:
        """Refused: a process has nothing that could become an image."""
        raise _cannot_be_saved()

    async def start_agent(self, request: AgentRequest) -> None:
        """Refused."""
        raise _cannot_be_saved()

    async def run_forecast(self, request: AgentRequest) -> Forecast:
        """Refused."""
        raise _cannot_be_saved()

    async def agent_status(self, snapshot_id: str) -> AgentStatus | None:
        """There are no helpers."""
        return None

    async def cancel_agent(self, snapshot_id: str) -> None:
        """There are no helpers."""

    async def remove_agent(self, snapshot_id: str) -> None:
        """There are no helpers."""

    async def agents(self) -> list[str]:
        """There are no helpers."""
        return []

    async def thaw_abandoned(self) -> list[str]:
        """Nobody freezes processes."""
        return []

    async def memory_kills(self) -> dict[str, int]:
        """Processes have no limit of their own."""
        return {}

    async def close(self) -> None:
        """There is nothing to close."""


def _cannot_be_saved() -> Conflict:
    return Conflict(
        "This workbench runs instances as local processes, which cannot be saved as images.",
        "Set it up with a container engine: scripts/up --engine docker",
    )
