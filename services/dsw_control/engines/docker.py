"""The Docker engine as control uses it: containers and images looked at, stopped and removed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import docker
import requests
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.models.containers import Container

from dsw import errors
from dsw.agent import AgentRequest
from dsw.image_config import read_config
from dsw.image_report import Forecast
from dsw.lifecycle import ContainerView
from dsw.names import container_name
from dsw.plan import (
    EXIT_OUT_OF_MEMORY,
    GID,
    LABEL_ID,
    LABEL_INSTALLATION,
    LABEL_KIND,
    UID,
    RegistryLogin,
)
from dsw.resources import Capacity
from dsw.settings import Settings
from dsw_control.engines import nvml
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
from dsw_control.engines.docker_agent import AgentContainers
from dsw_control.engines.docker_archives import DockerArchives
from dsw_control.engines.docker_mounts import DockerMounts
from dsw_control.engines.docker_source import source_of
from dsw_control.engines.docker_thaw import Thaws
from dsw_control.engines.memory_kills import MemoryKills

STOP_SECONDS = 10
CALLS_AT_ONCE = 32
"""A push or a forecast takes its time; what has to be thawed must not wait for it."""

UP = frozenset({"running", "paused", "restarting"})

T = TypeVar("T")


class DockerEngine:
    """Blocking calls of the Docker SDK, each in a thread; its errors become `DswError`."""

    kind = "docker"
    isolated = True

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._filters = {"label": [f"{LABEL_INSTALLATION}={settings.installation}"]}
        self._client: docker.DockerClient | None = None
        self._threads = ThreadPoolExecutor(CALLS_AT_ONCE, "engine")
        self._agents = AgentContainers(settings)
        self.archives: Archives | None = DockerArchives(settings, self._call)
        self.mounts: NodeMounts | None = DockerMounts(settings, self._call)
        self._thaws = Thaws(settings)
        self._kills = MemoryKills()

    async def capacity(self) -> Capacity:
        """What the engine says of its host, and the GPUs that NVML finds on this machine."""

        def look(client: docker.DockerClient) -> Capacity:
            info = client.info()
            return Capacity(cpu=info["NCPU"], memory=info["MemTotal"], devices=nvml.devices())

        return await self._call(look)

    async def platform(self) -> str:
        """`os/architecture` of the engine's host, as images name it."""

        def look(client: docker.DockerClient) -> str:
            version = client.version()
            return f"{version['Os']}/{version['Arch']}"

        return await self._call(look)

    async def image(self, reference: str) -> EngineImage | None:
        """The image behind a reference or digest, `None` when the engine does not have it."""

        def look(client: docker.DockerClient) -> EngineImage | None:
            try:
                found = client.images.get(reference)
            except ImageNotFound:
                return None
            about = found.attrs
            config = read_config(about["Os"], about["Architecture"], about["Config"])
            return EngineImage(digest=str(found.id), size=int(about["Size"]), config=config)

        return await self._call(look)

    async def remove_image(self, reference: str) -> None:
        """Drop a tag, and the image when nothing else uses it."""

        def remove(client: docker.DockerClient) -> None:
            try:
                client.images.remove(reference)
            except ImageNotFound:
                return

        await self._call(remove)

    async def tag(self, digest: str, name: str) -> None:
        """Give an image a name, `repository:tag`, which another one may have had."""

        def run(client: docker.DockerClient) -> None:
            client.images.get(digest).tag(name)

        await self._call(run)

    async def push(
        self,
        digest: str,
        repository: str,
        tag: str,
        login: RegistryLogin | None,
        progress: Progress = unheard,
    ) -> str:
        """Push a local image to a registry; its `repository@sha256:...` there."""
        auth = {"username": login.username, "password": login.secret} if login else None

        def run(client: docker.DockerClient) -> str:
            client.images.get(digest).tag(repository, tag)
            lines = client.api.push(
                repository,
                tag,
                stream=True,
                decode=True,
                auth_config=auth,
            )
            pushed = ""
            layers: dict[str, tuple[int, int]] = {}
            for line in lines:
                if (amount := line.get("progressDetail")) and amount.get("total"):
                    layers[line["id"]] = (amount.get("current", 0), amount["total"])
                    progress(*map(sum, zip(*layers.values(), strict=True)))
                if "error" in line:
                    raise errors.EngineFailed(
                        f"The registry did not take the base image: {line['error']}."
                    )
                pushed = (line.get("aux") or {}).get("Digest", pushed)
            return f"{repository}@{pushed}"

        return await self._call(run)

    async def containers(self) -> dict[str, ContainerView]:
        """All instance containers of this installation by instance id."""

        def look(client: docker.DockerClient) -> dict[str, ContainerView]:
            filters = {"label": [*self._filters["label"], f"{LABEL_KIND}=instance"]}
            return {
                item["Labels"].get(LABEL_ID, ""): (
                    ContainerView.RUNNING if item["State"] in UP else ContainerView.EXITED
                )
                for item in client.api.containers(all=True, filters=filters)
            }

        return await self._call(look)

    async def exit_of(self, instance_id: str) -> Exit:
        """How an instance's container ended."""

        def look(client: docker.DockerClient) -> Exit:
            box = self._find(client, instance_id)
            if box is None:
                return Exit()
            state = box.attrs["State"]
            oom = state["OOMKilled"] or state["ExitCode"] == EXIT_OUT_OF_MEMORY
            return Exit(code=state["ExitCode"], oom=oom)

        return await self._call(look)

    async def stop(self, instance_id: str) -> None:
        """Stop an instance's container; none is no error."""
        await self._on_container(instance_id, lambda box: box.stop(timeout=STOP_SECONDS))

    async def remove(self, instance_id: str) -> None:
        """Stop and remove an instance's container; none is no error."""
        await self._on_container(instance_id, lambda box: box.remove(force=True, v=True))

    async def log_tail(self, instance_id: str, lines: int) -> str:
        """The last lines that the instance printed."""
        text: list[bytes] = []
        await self._on_container(instance_id, lambda box: text.append(box.logs(tail=lines)))
        return b"".join(text).decode("utf-8", "replace").strip()

    async def make_folders(self, folders: list[str]) -> None:
        """Make folders below the NAS root, owned by the instance's user."""
        if self._settings.storage.kind == "nfs":
            await self._call(lambda client: self._agents.make_folders(client, folders))
            return
        root = Path(self._settings.nas_root)
        try:
            await asyncio.to_thread(make_host_folders, root, folders)
        except OSError as error:
            raise errors.EngineFailed(
                f"The storage {root} cannot be used: {error.strerror}.", "Ask an administrator."
            ) from error

    def mount_source(self, folder: str) -> tuple[str, str, dict[str, str]]:
        """A bind of the host's directory, or a volume that the engine mounts from the NFS server.

        A volume is named after its folder, so that two instances share it.
        """
        storage = self._settings.storage
        if storage.kind == "host":
            return "bind", str(Path(self._settings.nas_root) / folder), {}
        name = container_name(self._settings.installation, folder.replace("/", "."))
        return "volume", name, self._agents.nfs_options(folder)

    async def snapshot_source(self, instance_id: str) -> SnapshotSource:
        """Where an instance's changes are; `Conflict` when it has no container."""

        return await self._call(lambda client: source_of(client, self._find(client, instance_id)))

    async def start_agent(self, request: AgentRequest) -> None:
        """Start the helper that takes a snapshot; one that is there already is left alone."""
        await self._call(lambda client: self._agents.start(client, request))

    async def run_forecast(self, request: AgentRequest) -> Forecast:
        """What a snapshot would ship, told by a helper that is gone afterwards."""
        return await self._call(lambda client: self._agents.forecast(client, request))

    async def agent_status(self, snapshot_id: str) -> AgentStatus | None:
        """What the helper reported so far, `None` when there is no such helper."""
        return await self._call(lambda client: self._agents.status(client, snapshot_id))

    async def cancel_agent(self, snapshot_id: str) -> None:
        """Ask the helper to end."""
        await self._call(lambda client: self._agents.cancel(client, snapshot_id))

    async def remove_agent(self, snapshot_id: str) -> None:
        """Clean up after a helper that ended."""
        await self._call(lambda client: self._agents.remove(client, snapshot_id))

    async def agents(self) -> list[str]:
        """Ids of the snapshots that have a helper, and `request.snapshot_id` of forecasts."""
        return await self._call(self._agents.ids)

    async def thaw_abandoned(self) -> list[str]:
        """Thaw instances that a helper froze and left so; their ids."""
        return await self._call(self._thaws.thaw_abandoned)

    async def memory_kills(self) -> dict[str, int]:
        """How often a process of each running container was killed for memory, by instance id."""

        def look(client: docker.DockerClient) -> dict[str, int]:
            filters = {"label": [*self._filters["label"], f"{LABEL_KIND}=instance"]}
            running = client.api.containers(filters=filters)
            return self._kills.read(
                client, {item["Id"]: item["Labels"].get(LABEL_ID, "") for item in running}
            )

        return await self._call(look)

    async def close(self) -> None:
        """Close connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._client is not None:
            self._client.close()

    async def _on_container(self, instance_id: str, act: Callable[[Container], Any]) -> None:
        def run(client: docker.DockerClient) -> None:
            box = self._find(client, instance_id)
            if box is not None:
                try:
                    act(box)
                except NotFound:
                    return

        await self._call(run)

    def _find(self, client: docker.DockerClient, instance_id: str) -> Container | None:
        labels = [*self._filters["label"], f"{LABEL_KIND}=instance", f"{LABEL_ID}={instance_id}"]
        for item in client.api.containers(all=True, filters={"label": labels}):
            try:
                return client.containers.get(item["Id"])
            except NotFound:
                continue
        return None

    async def _call(self, act: Callable[[docker.DockerClient], T]) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._guarded, act)

    def _guarded(self, act: Callable[[docker.DockerClient], T]) -> T:
        try:
            if self._client is None:
                self._client = docker.from_env(timeout=60, max_pool_size=CALLS_AT_ONCE)
            return act(self._client)
        except APIError as error:
            if error.status_code == 409:
                raise errors.Conflict(f"The engine refused: {error.explanation}") from error
            raise errors.EngineFailed(f"The engine failed: {error.explanation}") from error
        except (DockerException, requests.RequestException, OSError) as error:
            raise errors.Unavailable(
                "The container engine does not answer.", "Is it running? See: docker info"
            ) from error


def make_host_folders(root: Path, folders: list[str]) -> None:
    """Folders below the NAS root; only the last one of each belongs to the instance's user, so
    that no user can move or link what is above it. Homes are private."""
    for folder in folders:
        path = root / folder
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o711)
        path.mkdir(exist_ok=True, mode=0o700)
        if path.stat().st_uid == UID:
            continue
        try:
            os.chown(path, UID, GID)
        except PermissionError:
            # Not root: the folder is the workbench's own user's, and must be open to uid 1000.
            path.chmod(0o777)
