"""The helper containers that do node work: how they are run, and with which rights."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any, Literal

import docker
import requests
from docker.errors import ImageNotFound, NotFound
from docker.models.containers import Container
from docker.types import LogConfig, Mount
from pydantic import ValidationError

from dsw import errors
from dsw.agent import AgentReport, AgentRequest
from dsw.base import Model
from dsw.image_report import Forecast
from dsw.names import container_name
from dsw.plan import GID, LABEL_ID, LABEL_INSTALLATION, LABEL_KIND, UID
from dsw.settings import Settings
from dsw_control.ca_bundle import BUNDLE, bundle_path
from dsw_control.engines.base import AgentStatus
from dsw_control.engines.docker_boxes import begun, exit_code, printed

SOCKET = "/var/run/docker.sock"
KIND = "agent"
LABEL_FREEZES = "dsw.freezes"
"""The container that a helper may freeze, by the engine's id."""

FORECAST_SECONDS = 30
FORECAST_MAX = 4 * 1024**2
"""Bytes that a forecast may have."""

CAPABILITIES = ["SYS_ADMIN", "DAC_READ_SEARCH"]
"""SYS_ADMIN: without it the kernel hides which folders were replaced (`trusted.overlay.*`).
DAC_READ_SEARCH: reads files of every owner."""


class AgentContainers:
    """One container per snapshot or forecast, named and labelled after it; that of a snapshot
    outlives control."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def start(self, client: docker.DockerClient, request: AgentRequest) -> None:
        """Run the helper unless it is there already."""
        if self._find(client, request.snapshot_id) is None:
            self._run(client, "snapshot", request)

    def forecast(self, client: docker.DockerClient, request: AgentRequest) -> Forecast:
        """Run a helper that changes nothing and reaches nobody, wait for it, and remove it."""
        self.remove(client, request.snapshot_id)
        try:
            box = self._run(client, "forecast", request)
            code = int(box.wait(timeout=FORECAST_SECONDS)["StatusCode"])
            return _forecast(code, box.logs(stdout=True, stderr=False).decode("utf-8", "replace"))
        except (requests.Timeout, requests.ConnectionError) as error:
            raise errors.Unavailable(
                f"The forecast was not ready within {FORECAST_SECONDS} seconds and was ended.",
                "Save without it, or try again when the machine is less busy.",
            ) from error
        finally:
            self.remove(client, request.snapshot_id)

    def _run(self, client: docker.DockerClient, command: str, request: AgentRequest) -> Container:
        saves = command == "snapshot"
        folder = self._folder(request.snapshot_id)
        seen, mounts = inside(request, keeps=saves)
        write_private(folder / "request.json", seen)
        mounts.append(Mount("/request", str(folder), type="bind", read_only=True))
        environment = {}
        if saves and request.target.kind == "engine":
            mounts.append(Mount(SOCKET, socket_path(client), type="bind"))
        elif self._settings.images.ca_file:
            source = str(bundle_path(self._settings))
            mounts.append(Mount(BUNDLE, source, type="bind", read_only=True))
            environment["SSL_CERT_FILE"] = BUNDLE
        labels = self._labels(request.snapshot_id)
        if saves and request.freezer:
            labels[LABEL_FREEZES] = request.container
        to_registry = saves and request.target.kind == "registry"
        try:
            return client.containers.run(
                self._settings.images.agent,
                ["dsw-agent", command, "/request/request.json"],
                name=container_name(self._settings.installation, request.snapshot_id),
                labels=labels,
                detach=True,
                environment=environment,
                mounts=mounts,
                user="0:0",
                cap_drop=["ALL"],
                cap_add=CAPABILITIES,
                security_opt=["no-new-privileges:true"],
                read_only=True,
                network_mode="host" if to_registry else "none",
                pids_limit=64,
                log_config=LogConfig(type="json-file", config={"max-size": "10m"}),
            )
        except ImageNotFound as error:
            raise errors.EngineFailed(
                f"The helper image {self._settings.images.agent} is not there.",
                "An administrator can build it with: dsw images build agent",
            ) from error

    def status(self, client: docker.DockerClient, snapshot_id: str) -> AgentStatus | None:
        """What the helper printed so far: the last reports, and its exit code once it ended."""
        box = self._find(client, snapshot_id)
        if box is None:
            return None
        lines = printed(begun(box), 20)
        reports = [report for line in lines if (report := _report(line))]
        return AgentStatus(reports=reports, exit_code=exit_code(box))

    def cancel(self, client: docker.DockerClient, snapshot_id: str) -> None:
        """SIGTERM; the helper reports Cancelled and ends."""
        box = self._find(client, snapshot_id)
        if box is not None and box.status == "running":
            box.kill("SIGTERM")

    def remove(self, client: docker.DockerClient, snapshot_id: str) -> None:
        """Remove the container and its request."""
        box = self._find(client, snapshot_id)
        if box is not None:
            box.remove(force=True)
        shutil.rmtree(self._folder(snapshot_id), ignore_errors=True)

    def ids(self, client: docker.DockerClient) -> list[str]:
        """Ids of the snapshots and forecasts that have a helper."""
        labels = [
            f"{LABEL_INSTALLATION}={self._settings.installation}",
            f"{LABEL_KIND}={KIND}",
        ]
        found = client.api.containers(all=True, filters={"label": labels})
        return [item["Labels"].get(LABEL_ID, "") for item in found]

    def nfs_options(self, folder: str) -> dict[str, str]:
        """Options of Docker's local volume driver for a folder of the NFS export."""
        storage = self._settings.storage
        return {
            "type": "nfs",
            "o": f"addr={storage.nfs_server},{storage.nfs_options}",
            "device": f":{storage.nfs_path.rstrip('/')}/{folder}".rstrip("/"),
        }

    def make_folders(self, client: docker.DockerClient, folders: list[str]) -> None:
        """Make folders on the NFS export, from a container that has its root mounted."""
        name = container_name(self._settings.installation, "nas")
        client.volumes.create(name, driver="local", driver_opts=self.nfs_options(""))
        script = (
            "import os, sys\n"
            "for folder in sys.argv[1:]:\n"
            "    path = os.path.join('/nas', folder)\n"
            "    os.makedirs(os.path.dirname(path), mode=0o711, exist_ok=True)\n"
            "    os.makedirs(path, mode=0o700, exist_ok=True)\n"
            f"    if os.lstat(path).st_uid != {UID}:\n"
            f"        os.chown(path, {UID}, {GID}, follow_symlinks=False)\n"
        )
        client.containers.run(
            self._settings.images.agent,
            ["python3", "-c", script, *folders],
            mounts=[Mount("/nas", name, type="volume")],
            labels=self._labels("nas"),
            user="0:0",
            cap_drop=["ALL"],
            cap_add=["CHOWN", "DAC_OVERRIDE"],
            network_mode="none",
            remove=True,
        )

    def _labels(self, object_id: str) -> dict[str, str]:
        return {
            LABEL_INSTALLATION: self._settings.installation,
            LABEL_KIND: KIND,
            LABEL_ID: object_id,
        }

    def _folder(self, snapshot_id: str) -> Path:
        return self._settings.data / "run" / "agents" / snapshot_id

    def _find(self, client: docker.DockerClient, snapshot_id: str) -> Container | None:
        try:
            return client.containers.get(container_name(self._settings.installation, snapshot_id))
        except NotFound:
            return None


def inside(request: AgentRequest, keeps: bool) -> tuple[AgentRequest, list[Mount]]:
    """The request with the paths that the helper sees, and the mounts that make them so; `keeps`:
    it may change what is kept for the instance, and freeze it."""
    mounts = [Mount("/upper", request.upper, type="bind", read_only=True)]
    seen: dict[str, Any] = {"upper": "/upper", "lowers": []}
    for number, lower in enumerate(request.lowers):
        seen["lowers"].append(f"/lowers/{number:03}")
        mounts.append(Mount(seen["lowers"][-1], lower, type="bind", read_only=True))
    if request.home:
        seen["home"] = "/home"
        bound = request.home.startswith("/")
        kind: Literal["bind", "volume"] = "bind" if bound else "volume"
        mounts.append(Mount("/home", request.home, type=kind, read_only=True))
    if request.freezer:
        seen["freezer"] = "/freezer" if keeps else ""
        if keeps:
            mounts.append(Mount("/freezer", request.freezer, type="bind"))
    if request.work:
        seen["work"] = "/work"
        mounts.append(Mount("/work", request.work, type="bind", read_only=not keeps))
    return request.model_copy(update=seen), mounts


def write_private(path: Path, request: Model) -> None:
    """The request as a file that only its owner can read: it may hold a password."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(request.model_dump_json())


def socket_path(client: docker.DockerClient) -> str:
    """The engine's own socket on its host."""
    url = str(client.api.base_url)
    return url.removeprefix("http+unix://").removeprefix("unix://") if "unix" in url else SOCKET


def _forecast(exit_code: int, text: str) -> Forecast:
    """What the helper printed last; `DswError` with its sentence when it has none."""
    last = text[:FORECAST_MAX].rstrip().rpartition("\n")[2]
    if exit_code == 0:
        try:
            return Forecast.model_validate_json(last)
        except ValidationError as error:
            raise errors.EngineFailed(
                "The forecast cannot be read.", "Is the helper image as new as control?"
            ) from error
    report = _report(last)
    raise errors.EngineFailed(
        report.message
        if report and report.message
        else f"There is no forecast: its helper ended with exit code {exit_code}."
    )


def _report(line: str) -> AgentReport | None:
    try:
        return AgentReport.model_validate(json.loads(line))
    except (ValueError, ValidationError):
        return None
