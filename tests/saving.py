"""One container saved again and again into a registry, by the agent's image, as control runs it."""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.workbenches import docker

from dsw.agent import INDEX_FILE, AgentReport, AgentRequest, AgentTarget, PreviousSnapshot
from dsw.names import container_name, new_id
from dsw.plan import LABEL_ID, LABEL_INSTALLATION, LABEL_KIND
from dsw.settings import Settings
from dsw.snapshots import SnapshotState
from dsw_control.engines.docker import DockerEngine


class Saver:
    """Saves the container that has its `labels`. Each snapshot may build on the one before.

    `base` is the container's image in the registry, as `host:port/path@sha256:...`.
    """

    def __init__(self, settings: Settings, base: str) -> None:
        self._settings = settings
        self._base = base
        self._engine = DockerEngine(settings)
        self._instance = new_id("dsw")
        self._previous: PreviousSnapshot | None = None

    @property
    def container(self) -> str:
        """The name for the container."""
        return container_name(self._settings.installation, self._instance)

    @property
    def labels(self) -> dict[str, str]:
        """What the container is found by."""
        installation = self._settings.installation
        return {
            LABEL_INSTALLATION: installation,
            LABEL_KIND: "instance",
            LABEL_ID: self._instance,
        }

    @property
    def work(self) -> Path:
        """What is kept between two snapshots."""
        return self._settings.data / "run" / "snapshots" / self._instance

    def forget(self) -> None:
        """The next snapshot builds on none."""
        self._previous = None
        shutil.rmtree(self.work, ignore_errors=True)

    def request(self, **changes: Any) -> AgentRequest:
        """What to ask the agent for."""
        source = asyncio.run(self._engine.snapshot_source(self._instance))
        snapshot_id = new_id("snap")
        self.work.mkdir(parents=True, exist_ok=True)
        target = AgentTarget(
            kind="registry",
            tag=snapshot_id,
            repository=f"{self._settings.registry.address}/saved",
            base=self._base,
            insecure=True,
        )
        values = source.model_dump(include=set(AgentRequest.model_fields)) | {
            "snapshot_id": snapshot_id,
            "work": str(self.work),
            "base_image": source.base,
            "previous": self._previous,
            "author": "alice",
            "created": datetime.now(UTC),
            "comment": "",
            "target": target,
        }
        return AgentRequest.model_validate(values | changes)

    def run(self, request: AgentRequest) -> None:
        """Start the agent and wait for its end."""
        asyncio.run(self._engine.start_agent(request))
        docker("wait", container_name(self._settings.installation, request.snapshot_id))

    def end(self, request: AgentRequest) -> AgentReport:
        """What the agent said last. Its container is removed, and what it saved is built upon."""
        status = asyncio.run(self._engine.agent_status(request.snapshot_id))
        log = docker("logs", container_name(self._settings.installation, request.snapshot_id))
        asyncio.run(self._engine.remove_agent(request.snapshot_id))
        assert status is not None
        assert status.reports, log
        last = status.reports[-1]
        if last.state is SnapshotState.SAVED:
            assert status.exit_code == 0, log
            self.keep(request, last)
        return last

    def keep(self, request: AgentRequest, last: AgentReport) -> None:
        """Let the next snapshot build on this one, as control does when it has the image."""
        index = self.work / request.snapshot_id / INDEX_FILE
        if index.exists():
            index.rename(self.work / INDEX_FILE)
        self._previous = PreviousSnapshot(snapshot_id=request.snapshot_id, image=last.image)

    def save(self, **changes: Any) -> AgentReport:
        """Save the container as it is."""
        request = self.request(**changes)
        self.run(request)
        last = self.end(request)
        assert last.state is SnapshotState.SAVED, last
        return last
