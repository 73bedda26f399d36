"""An engine whose helpers do what a test has them do, and an instance to be saved on it."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from sqlalchemy import select
from tests.dsw_control.apis import ADMIN, Api

from dsw.agent import INDEX_FILE, REPORT_FILE, SBOM_FILE, AgentReport, AgentRequest
from dsw.errors import Conflict, Unavailable
from dsw.image_config import read_config
from dsw.image_report import Forecast, ImageReport, Package
from dsw.instances import InstanceState
from dsw.lifecycle import ContainerView
from dsw.names import image_tag
from dsw.plan import RegistryLogin
from dsw.snapshots import ENDED, SnapshotState
from dsw_control.context import Control
from dsw_control.engines.base import (
    AgentStatus,
    EngineImage,
    Exit,
    Progress,
    SnapshotSource,
    unheard,
)
from dsw_control.engines.process import ProcessEngine
from dsw_control.snapshot_worker import SnapshotWorker
from dsw_control.store.tables import Image, Instance, Snapshot

OWNER, MATE, STRANGER = "ada", "bob", "eve"
"""Of the workspace `team` the owner and a developer; the stranger owns `other`."""
SPECS = [{"name": "one", "cpu": 1, "memory": "1GiB"}, {"name": "two", "cpu": 1, "memory": "1GiB"}]
SBOM = '{"bomFormat": "CycloneDX", "components": []}'
REPORT = ImageReport(size=7, packages=[Package(manager="pip", name="torch", version="2.9")])


class Helpers(ProcessEngine):
    """Knows containers, images and helpers, which a test leads; it outlives control."""

    isolated = True

    def __init__(self, control: Control) -> None:
        super().__init__(control.settings)
        self.boxes: dict[str, ContainerView] = {}
        self.images: set[str] = set()
        self.helpers: dict[str, AgentStatus] = {}
        self.requests: dict[str, AgentRequest] = {}
        self.asked: list[AgentRequest] = []
        self.began: list[str] = []
        self.base_config = "{}"
        self.code = 0
        self.down = False

    async def exit_of(self, instance_id: str) -> Exit:
        """As the test says."""
        return Exit(code=self.code)

    async def containers(self) -> dict[str, ContainerView]:
        """Those of the instances."""
        return dict(self.boxes)

    async def stop(self, instance_id: str) -> None:
        """It is kept."""
        self.boxes[instance_id] = ContainerView.EXITED

    async def remove(self, instance_id: str) -> None:
        """It is gone."""
        self.boxes.pop(instance_id, None)

    async def image(self, reference: str) -> EngineImage | None:
        """Those that helpers loaded."""
        if reference not in self.images:
            return None
        config = read_config("linux", "amd64", None)
        return EngineImage(digest=reference, size=7, config=config)

    async def remove_image(self, reference: str) -> None:
        """As an engine does it."""
        self.images.discard(reference)

    async def push(
        self,
        digest: str,
        repository: str,
        tag: str,
        login: RegistryLogin | None,
        progress: Progress = unheard,
    ) -> str:
        """It is there."""
        return f"{repository}@sha256:{'0' * 64}"

    async def snapshot_source(self, instance_id: str) -> SnapshotSource:
        """Where its files are; they are not read here."""
        if instance_id not in self.boxes:
            raise Conflict("The instance has no container to save.")
        running = self.boxes[instance_id] is ContainerView.RUNNING
        return SnapshotSource(
            container=f"box-of-{instance_id}",
            upper="/upper-there",
            lowers=["/top", "/bottom"],
            home="/home-there",
            freezer="/freezer-there" if running else "",
            base="sha256:base",
            base_config=self.base_config,
            mounts=["/mnt/workspace"],
        )

    async def start_agent(self, request: AgentRequest) -> None:
        """Once for each snapshot."""
        if request.snapshot_id not in self.helpers:
            self.helpers[request.snapshot_id] = AgentStatus(reports=[])
            self.requests[request.snapshot_id] = request
            self.began.append(request.snapshot_id)

    async def run_forecast(self, request: AgentRequest) -> Forecast:
        """Always the same."""
        self.asked.append(request)
        return Forecast(size=7, entries=1)

    async def agent_status(self, snapshot_id: str) -> AgentStatus | None:
        """What the test had it say."""
        if self.down:
            raise Unavailable("The container engine does not answer.")
        return self.helpers.get(snapshot_id)

    async def cancel_agent(self, snapshot_id: str) -> None:
        """It ends at once."""
        self.end(snapshot_id, SnapshotState.CANCELLED, 3)

    async def remove_agent(self, snapshot_id: str) -> None:
        """It is gone."""
        self.helpers.pop(snapshot_id, None)

    async def agents(self) -> list[str]:
        """All that are there."""
        return list(self.helpers)

    def say(self, snapshot_id: str, *reports: AgentReport) -> None:
        """Have a helper report."""
        told = [*self.helpers[snapshot_id].reports, *reports]
        self.helpers[snapshot_id] = AgentStatus(reports=told)

    def end(self, snapshot_id: str, state: SnapshotState, code: int, **more: Any) -> None:
        """Have a helper end with this report and exit code."""
        last = AgentReport(state=state, **more)
        told = [*self.helpers[snapshot_id].reports, last]
        self.helpers[snapshot_id] = AgentStatus(reports=told, exit_code=code)

    def make(self, snapshot_id: str, index: str = "", **files: str) -> None:
        """Have a helper do its work: an image, what it found out, and the new index."""
        folder = self.folder(snapshot_id)
        (folder / INDEX_FILE).write_text(index or snapshot_id)
        texts = {"report": REPORT.model_dump_json(), "sbom": SBOM} | files
        for name, text in ((REPORT_FILE, texts["report"]), (SBOM_FILE, texts["sbom"])):
            (folder / name).write_text(text)
        self.images |= {self.digest(snapshot_id), self.tag(snapshot_id)}
        more = {"bytes_done": 7, "bytes_total": 7, "frozen_ms": 12, "skipped": ["/root/.netrc"]}
        self.end(snapshot_id, SnapshotState.SAVED, 0, image=self.digest(snapshot_id), **more)

    def folder(self, snapshot_id: str) -> Path:
        """Where a helper writes."""
        return Path(self.requests[snapshot_id].work) / snapshot_id

    def digest(self, snapshot_id: str) -> str:
        """Of the image that a helper makes."""
        return f"sha256:of-{snapshot_id}"

    def tag(self, snapshot_id: str) -> str:
        """Which keeps that image."""
        return image_tag(self._settings.installation, snapshot_id)


class Desk:
    """Two teams, and the API and the worker of a control that can be replaced by another."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.control: Control = api.control
        self.engine = Helpers(api.control)
        self.control.engine = self.engine
        self.worker = SnapshotWorker(api.control)
        self.image = ""

    async def fill(self) -> Desk:
        """Make the workspaces and their members."""
        for name, owner in (("team", OWNER), ("other", STRANGER)):
            await self.api.ok(ADMIN, "POST", "/workspaces", {"name": name, "owner": owner})
        path = f"/workspaces/team/members/{MATE}"
        await self.api.ok(OWNER, "PUT", path, {"roles": ["developer"]})
        self.image = (await self.api.ok(OWNER, "GET", "/images"))["items"][0]["id"]
        return self

    async def instance(self, name: str = "train", who: str = OWNER, **more: Any) -> str:
        """The id of a running instance."""
        body = {"workspace": "team", "name": name, "image": self.image, "spec": "one", **more}
        made = await self.api.ok(who, "POST", "/instances", body)
        self.engine.boxes[made["id"]] = ContainerView.RUNNING
        async with self.control.db.write() as session:
            row = await session.get_one(Instance, made["id"])
            row.state, row.started_at = InstanceState.RUNNING, self.control.clock()
        return str(made["id"])

    async def ask(self, instance_id: str, who: str = OWNER, **body: Any) -> str:
        """Ask for a snapshot; its id."""
        path = f"/instances/{instance_id}/snapshots"
        made = await self.api.ok(who, "POST", path, {"name": "saved", **body})
        return str(made["id"])

    async def begun(self, instance_id: str, who: str = OWNER, **body: Any) -> str:
        """Ask for a snapshot, and have its helper started."""
        snapshot_id = await self.ask(instance_id, who, **body)
        await self.until(lambda: self._has_helper(snapshot_id))
        return snapshot_id

    async def saved(self, instance_id: str, who: str = OWNER, **body: Any) -> Any:
        """A snapshot that ended well."""
        snapshot_id = await self.begun(instance_id, who, **body)
        self.engine.make(snapshot_id)
        return await self.ended(snapshot_id)

    async def ended(self, snapshot_id: str) -> Any:
        """The snapshot once it has ended and its helper is gone."""

        async def look() -> bool:
            return (await self.row(snapshot_id)).state in ENDED and not self.worker._busy

        await self.until(look)
        return await self.api.ok(ADMIN, "GET", f"/snapshots/{snapshot_id}")

    async def until(self, look: Callable[[], Awaitable[bool]], seconds: float = 30) -> None:
        """Turn the worker until this is so."""
        deadline = time.monotonic() + seconds
        while not await look():
            assert time.monotonic() < deadline, "it did not come about"
            await self.worker.turn()

    async def _has_helper(self, snapshot_id: str) -> bool:
        return snapshot_id in self.engine.helpers

    async def row(self, snapshot_id: str) -> Snapshot:
        """A snapshot as the database has it."""
        async with self.control.db.read() as session:
            return await session.get_one(Snapshot, snapshot_id)

    async def instance_row(self, instance_id: str) -> Instance:
        """An instance as the database has it."""
        async with self.control.db.read() as session:
            return await session.get_one(Instance, instance_id)

    async def images(self) -> list[Image]:
        """The saved images that the catalog offers, the oldest first."""
        async with self.control.db.read() as session:
            query = select(Image).where(Image.source == "snapshot", Image.retired_at.is_(None))
            return list(await session.scalars(query.order_by(Image.created_at, Image.id)))

    def work(self, instance_id: str) -> Path:
        """The folder that is kept for an instance."""
        return Path(self.control.settings.data) / "run" / "snapshots" / instance_id


def moving(state: SnapshotState, done: int, **more: Any) -> AgentReport:
    """A line of a helper that is at work."""
    return AgentReport(state=state, bytes_done=done, bytes_total=100, **more)


def history(*layers: str) -> str:
    """The configuration of an image whose layers were made by these commands, from below."""
    lines = [{"created_by": layer} for layer in layers]
    diff_ids = [f"sha256:{number}" for number in range(len(layers))]
    return json.dumps({"rootfs": {"diff_ids": diff_ids}, "history": lines})
