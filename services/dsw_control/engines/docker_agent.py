"""The helper containers that do node work: how they are run, and with which rights."""

from __future__ import annotations

import json
import os
from pathlib import Path

import docker
from docker.errors import ImageNotFound, NotFound
from docker.models.containers import Container
from docker.types import LogConfig, Mount
from pydantic import ValidationError

from dsw import errors
from dsw.agent import AgentReport, AgentRequest
from dsw.names import container_name
from dsw.plan import GID, LABEL_ID, LABEL_INSTALLATION, LABEL_KIND, UID
from dsw.settings import Settings
from dsw_control.ca_bundle import BUNDLE, bundle_path
from dsw_control.engines.base import AgentStatus

SOCKET = "/var/run/docker.sock"
KIND = "agent"
CAPABILITIES = ["SYS_ADMIN", "DAC_READ_SEARCH"]
"""SYS_ADMIN: without it the kernel hides which folders were replaced (`trusted.overlay.*`).
DAC_READ_SEARCH: reads files of every owner."""


class AgentContainers:
    """One container per snapshot, named and labelled after it; it outlives control."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def start(self, client: docker.DockerClient, request: AgentRequest) -> None:
        """Run the helper unless it is there already."""
        if self._find(client, request.snapshot_id) is not None:
            return
        folder = self._folder(request.snapshot_id)
        write_private(folder / "request.json", request.model_copy(update={"upper": "/upper"}))
        mounts = [
            Mount("/upper", request.upper, type="bind", read_only=True),
            Mount("/request", str(folder), type="bind", read_only=True),
        ]
        environment = {}
        if request.target.kind == "engine":
            mounts.append(Mount(SOCKET, _socket_path(client), type="bind"))
        elif self._settings.images.ca_file:
            source = str(bundle_path(self._settings))
            mounts.append(Mount(BUNDLE, source, type="bind", read_only=True))
            environment["SSL_CERT_FILE"] = BUNDLE
        try:
            client.containers.run(
                self._settings.images.agent,
                ["dsw-agent", "snapshot", "/request/request.json"],
                name=container_name(self._settings.installation, request.snapshot_id),
                labels=self._labels(request.snapshot_id),
                detach=True,
                environment=environment,
                mounts=mounts,
                user="0:0",
                cap_drop=["ALL"],
                cap_add=CAPABILITIES,
                security_opt=["no-new-privileges:true"],
                read_only=True,
                network_mode="host" if request.target.kind == "registry" else "none",
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
        state = box.attrs["State"]
        ended = state["Status"] in ("exited", "dead")
        text = box.logs(stdout=True, stderr=False, tail=20).decode("utf-8", "replace")
        reports = [report for line in text.splitlines() if (report := _report(line))]
        return AgentStatus(reports=reports, exit_code=state["ExitCode"] if ended else None)

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
        folder = self._folder(snapshot_id)
        (folder / "request.json").unlink(missing_ok=True)
        if folder.is_dir():
            folder.rmdir()

    def ids(self, client: docker.DockerClient) -> list[str]:
        """Ids of the snapshots that have a helper."""
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
            "    if not os.path.isdir(path):\n"
            "        os.makedirs(os.path.dirname(path), mode=0o711, exist_ok=True)\n"
            "        os.mkdir(path, 0o700)\n"
            f"        os.chown(path, {UID}, {GID})\n"
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


def write_private(path: Path, request: AgentRequest) -> None:
    """The request as a file that only its owner can read: it may hold a registry password."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(request.model_dump_json())


def _socket_path(client: docker.DockerClient) -> str:
    """The engine's own socket on its host."""
    url = str(client.api.base_url)
    return url.removeprefix("http+unix://").removeprefix("unix://") if "unix" in url else SOCKET


def _report(line: str) -> AgentReport | None:
    try:
        return AgentReport.model_validate(json.loads(line))
    except (ValueError, ValidationError):
        return None
