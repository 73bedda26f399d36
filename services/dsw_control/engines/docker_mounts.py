"""Mounts on a Docker node: its folder, the helpers that mount there, and what is mounted."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

import docker
import requests
from docker.errors import APIError, NotFound
from docker.types import DriverConfig, Mount

from dsw.mounts import MountReason
from dsw.names import container_name
from dsw.node_mounts import (
    INSTANCES,
    SHARED_ROOT,
    Area,
    Detach,
    FolderRoot,
    NodeMountResult,
    NodeMountsRequest,
)
from dsw.plan import DATA, DYNAMIC, MountKind
from dsw.plan import Mount as PlanMount
from dsw.settings import Settings
from dsw_control.engines.base import MountTable
from dsw_control.engines.docker_boxes import exit_code, printed
from dsw_control.engines.docker_helpers import CAPABILITIES, Helper, NodeHelpers
from dsw_control.engines.docker_sources import DockerSources
from dsw_control.engines.mount_results import Step, results_of, unreachable
from dsw_control.engines.mount_table import MOUNTINFO, table_of

KIND = "mounts"
STEP_SECONDS, MOST_SECONDS = 20, 60
"""How long a helper may take: for each step what the agent gives it, and some for its own."""
OLD = 20.0
"""Seconds for which what a helper read of the node's mounts is believed."""

ANCHORS = {Area.DATA: DATA, Area.DYNAMIC: DYNAMIC}

Call = Callable[[Callable[[docker.DockerClient], Any]], Awaitable[Any]]


class DockerMounts(DockerSources):
    """One short-lived helper for all the steps of an instance."""

    def __init__(self, settings: Settings, call: Call) -> None:
        super().__init__(NodeHelpers(settings), call)
        self._sees_node = True
        self._read: tuple[float, MountTable] | None = None
        self._working: set[str] = set()
        self._turns: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    async def anchors(self, instance_id: str) -> list[PlanMount]:
        """Where an instance sees what is mounted for it, then or later."""
        root = await self._root()
        return [
            PlanMount(
                kind=MountKind.BIND,
                source=f"{root}/{INSTANCES}/{instance_id}/{area}",
                target=target,
                follows=True,
            )
            for area, target in ANCHORS.items()
        ]

    async def path_source(self, instance_id: str, name: str) -> str:
        """The folder of the node that is shown at a path of its own."""
        return f"{await self._root()}/{INSTANCES}/{instance_id}/{Area.PATHS}/{name}"

    async def lacks_anchors(self, instance_id: str) -> bool:
        """Whether its container was made before there were anchors."""

        def look(client: docker.DockerClient) -> bool:
            name = container_name(self._helpers.settings.installation, instance_id)
            try:
                about = client.api.inspect_container(name)
            except NotFound:
                return False
            return not {DATA, DYNAMIC} <= {each["Destination"] for each in about["Mounts"]}

        found: bool = await self._call(look)
        return found

    async def apply(self, request: NodeMountsRequest) -> list[NodeMountResult]:
        """Detach and attach; one result for each step, in this order."""
        steps: list[Step] = [*request.detach, *request.attach]
        found: list[NodeMountResult] = await self._call(
            lambda client: self._apply(client, steps[0].instance_id, request)
        )
        await self._check_sight(request, found)
        return found

    async def table(self) -> MountTable:
        """What is mounted now: read by control itself where it is on the engine's host."""
        root = await self._root()
        if self._sees_node and await asyncio.to_thread(os.access, os.path.dirname(root), os.R_OK):
            return await asyncio.to_thread(_local_table, root)
        if self._read is None or time.monotonic() - self._read[0] > OLD:
            text = await self._told(["cat", MOUNTINFO])
            self._read = time.monotonic(), table_of(text, SHARED_ROOT)
        return self._read[1]

    async def instances(self) -> list[str]:
        """Ids of the instances that have a folder on the node."""
        root = await self._root()
        try:
            return await asyncio.to_thread(os.listdir, f"{root}/{INSTANCES}")
        except FileNotFoundError:
            if await asyncio.to_thread(os.access, os.path.dirname(root), os.R_OK):
                return []
        except OSError:
            pass
        text = await self._told(
            [
                "find",
                f"{SHARED_ROOT}/{INSTANCES}",
                "-mindepth",
                "1",
                "-maxdepth",
                "1",
                "-printf",
                "%f\\n",
            ]
        )
        return text.split()

    async def remove_instances(self, ids: Sequence[str]) -> None:
        """Remove the folders of instances that are gone, with all that is mounted there. Where
        control may remove empty ones itself, that needs no helper."""
        root = await self._root()
        left = [key for key in ids if not await asyncio.to_thread(_removed, root, key)]
        if left:
            steps = [Detach(instance_id=key, force=True) for key in left]
            await self.apply(NodeMountsRequest(detach=steps))

    async def tidy(self, warmings: set[str]) -> None:
        """Remove what a killed control left."""

        def remove(client: docker.DockerClient) -> None:
            for helper_id in self._helpers.ids(client, KIND, ended=True):
                if helper_id not in self._working:
                    self._helpers.remove(client, KIND, helper_id)
            # What is mounted from one stays; it is made anew for the next.
            for volume in client.volumes.list(filters={"name": f"^{self._volume('')}"}):
                with suppress(APIError):
                    volume.remove()

        await self._call(remove)
        for warming_id in await self.warms():
            if warming_id not in warmings:
                await self.remove_warm(warming_id)

    async def _root(self) -> str:
        root: str = await self._call(self._helpers.root)
        return root

    async def _told(self, command: list[str]) -> str:
        """What a helper prints that sees the node's folder."""

        def run(client: docker.DockerClient) -> str:
            helper = Helper(kind=KIND, id="look", command=command, follows="rslave")
            return "\n".join(self._run(client, helper)[0])

        text: str = await self._call(run)
        return text

    async def _check_sight(
        self, request: NodeMountsRequest, results: list[NodeMountResult]
    ) -> None:
        """What has just been mounted and cannot be seen here is on another machine."""
        self._read = None
        attached = [each for each in results[len(request.detach) :] if each.ok and each.area]
        if not (attached and self._sees_node):
            return
        seen = (await self.table()).mounts
        self._sees_node = any(
            each.area and (each.instance_id, each.area, each.name) in seen for each in attached
        )

    def _apply(
        self, client: docker.DockerClient, instance_id: str, request: NodeMountsRequest
    ) -> list[NodeMountResult]:
        """All at once; when a root cannot be had, that one alone must fail."""
        try:
            results = self._steps(client, instance_id, request)
        except APIError as error:
            if not any(each.root for each in request.attach):
                raise
            return self._apart(client, instance_id, request, error)
        return self._holders(client, instance_id, request, results)

    def _apart(
        self,
        client: docker.DockerClient,
        instance_id: str,
        request: NodeMountsRequest,
        error: APIError,
    ) -> list[NodeMountResult]:
        """Step by step what could not be done together."""
        detach = request.model_copy(update={"attach": []})
        results = self._apply(client, instance_id, detach) if request.detach else []
        if len(request.attach) == 1:
            return [*results, unreachable(request.attach[0], error)]
        for step in request.attach:
            results += self._apply(client, instance_id, NodeMountsRequest(attach=[step]))
        return results

    def _holders(
        self,
        client: docker.DockerClient,
        instance_id: str,
        request: NodeMountsRequest,
        results: list[NodeMountResult],
    ) -> list[NodeMountResult]:
        """Look who keeps what is busy, from among the instance's processes: only then a helper
        is let in there."""
        busy = {
            number: step
            for number, step in enumerate(request.detach)
            if results[number].reason is MountReason.BUSY
        }
        box = container_name(self._helpers.settings.installation, instance_id)
        if not busy or not _runs(client, box):
            return results
        again = NodeMountsRequest(detach=list(busy.values()))
        told = self._steps(client, instance_id, again, f"container:{box}")
        for number, result in zip(busy, told, strict=True):
            if result.ok or result.reason is MountReason.BUSY:
                results[number] = result
        return results

    def _steps(
        self,
        client: docker.DockerClient,
        instance_id: str,
        request: NodeMountsRequest,
        pid_mode: str | None = None,
    ) -> list[NodeMountResult]:
        seen, mounts = self._with_roots(request)
        options: dict[str, Any] = {}
        if pid_mode:
            options = {"pid_mode": pid_mode, "cap_add": [*CAPABILITIES, "SYS_PTRACE"]}
        helper = Helper(
            kind=KIND,
            id=instance_id,
            command=["dsw-agent", "mounts", "/request/request.json"],
            request=seen,
            mounts=mounts,
            options=options,
        )
        steps: list[Step] = [*request.detach, *request.attach]
        seconds = min(STEP_SECONDS * len(steps), MOST_SECONDS)
        return results_of(steps, *self._run(client, helper, seconds))

    def _with_roots(self, request: NodeMountsRequest) -> tuple[NodeMountsRequest, list[Mount]]:
        """The request with the folders as the helper sees them, and the mounts that make it so."""
        mounts: dict[tuple[str, bool], Mount] = {}
        attach = []
        for step in request.attach:
            if step.root is None:
                attach.append(step)
                continue
            key = (json.dumps(step.root.model_dump(), sort_keys=True), step.read_only)
            place = f"/roots/{len(mounts)}"
            mount = mounts.setdefault(key, self._root_mount(place, step.root, step.read_only))
            attach.append(step.model_copy(update={"seen": mount["Target"]}))
        return request.model_copy(update={"attach": attach}), list(mounts.values())

    def _root_mount(self, target: str, root: FolderRoot, read_only: bool) -> Mount:
        if root.path:
            return Mount(target, root.path, type="bind", read_only=read_only)
        digest = hashlib.sha256(json.dumps(root.volume, sort_keys=True).encode()).hexdigest()[:16]
        return Mount(
            target,
            self._volume(digest),
            type="volume",
            read_only=read_only,
            no_copy=True,
            driver_config=DriverConfig("local", dict(root.volume)),
        )

    def _volume(self, digest: str) -> str:
        return container_name(self._helpers.settings.installation, f"data-{digest}")

    def _run(
        self, client: docker.DockerClient, helper: Helper, seconds: int = STEP_SECONDS
    ) -> tuple[list[str], int | None]:
        """What it printed, and its exit code: None when it was not done in time and was killed."""
        with self._guard:
            turn = self._turns.setdefault(helper.id, threading.Lock())
        with turn:
            return self._run_alone(client, helper, seconds)

    def _run_alone(
        self, client: docker.DockerClient, helper: Helper, seconds: int
    ) -> tuple[list[str], int | None]:
        with self._guard:
            self._working.add(helper.id)
        try:
            try:
                box = self._helpers.run(client, helper)
            except APIError as error:
                if error.status_code != 409:
                    raise
                # Left by a control that was killed. Whatever it did may be done again.
                self._helpers.remove(client, helper.kind, helper.id)
                box = self._helpers.run(client, helper)
            try:
                box.wait(timeout=seconds)
            except (requests.Timeout, requests.ConnectionError):
                return printed(box), None
            box.reload()
            return printed(box), exit_code(box)
        finally:
            self._helpers.remove(client, helper.kind, helper.id)
            with self._guard:
                self._working.discard(helper.id)


def _removed(root: str, instance_id: str) -> bool:
    """Whether the instance's folder was empty, and is gone: no mount point can be removed."""
    folder = f"{root}/{INSTANCES}/{instance_id}"
    try:
        for area in os.listdir(folder):
            os.rmdir(f"{folder}/{area}")
        os.rmdir(folder)
    except FileNotFoundError:
        return os.access(root, os.R_OK)
    except OSError:
        return False
    return True


def _local_table(root: str) -> MountTable:
    with open(MOUNTINFO, encoding="utf-8", errors="surrogateescape") as file:
        return table_of(file.read(), root)


def _runs(client: docker.DockerClient, name: str) -> bool:
    try:
        return bool(client.api.inspect_container(name)["State"]["Running"])
    except NotFound:
        return False
