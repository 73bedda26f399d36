"""Which containers a helper froze and left so, and how they run again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import docker
import structlog
from docker.errors import NotFound
from docker.types import Mount

from dsw.plan import LABEL_ID, LABEL_INSTALLATION, LABEL_KIND
from dsw.settings import Settings
from dsw_control.engines.docker_agent import KIND, LABEL_FREEZES
from dsw_control.engines.docker_source import running_freezer
from dsw_control.engines.freezer import is_frozen, thaw

log = structlog.get_logger()

_THAW = (
    "if [ -e /freezer/freezer.state ]; then echo THAWED > /freezer/freezer.state; "
    "else echo 0 > /freezer/cgroup.freeze; fi"
)


class Thaws:
    """Knows the freezer of each container from its first look on."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folders: dict[str, Path] = {}

    def thaw_abandoned(self, client: docker.DockerClient) -> list[str]:
        """Thaw the instances that stand frozen while no helper runs for them; their ids.

        First it is looked who is frozen, then which helpers run, and last who is paused: a helper
        that freezes runs already, and the engine does not answer while it is about to pause one.
        """
        running = _containers(client, self._settings, "instance")
        instances = {item["Id"]: item["Labels"].get(LABEL_ID, "") for item in running}
        self._folders = {key: self._folders[key] for key in self._folders.keys() & instances.keys()}
        frozen = [key for key in instances if self._is_frozen(client, key)]
        if not frozen:
            return []
        helpers = _containers(client, self._settings, KIND)
        at_work = {item["Labels"].get(LABEL_FREEZES) for item in helpers}
        thawed = []
        for container_id in frozen:
            folder = _freezer(client, container_id)
            if container_id not in at_work and folder is not None and is_frozen(folder):
                _thaw(client, self._settings, folder)
                thawed.append(instances[container_id])
        return thawed

    def _is_frozen(self, client: docker.DockerClient, container_id: str) -> bool:
        folder = self._folders.get(container_id) or _freezer(client, container_id)
        if folder is None:
            return False
        self._folders[container_id] = folder
        return is_frozen(folder)


def _containers(client: docker.DockerClient, settings: Settings, kind: str) -> list[dict[str, Any]]:
    labels = [f"{LABEL_INSTALLATION}={settings.installation}", f"{LABEL_KIND}={kind}"]
    filters = {"label": labels, "status": "running"}
    found: list[dict[str, Any]] = client.api.containers(filters=filters)
    return found


def _freezer(client: docker.DockerClient, container_id: str) -> Path | None:
    """None for one that is gone, has ended or is paused."""
    try:
        return running_freezer(client.api.inspect_container(container_id))
    except NotFound:
        return None


def _thaw(client: docker.DockerClient, settings: Settings, folder: Path) -> None:
    """By its file, or where that is root's alone, by a container."""
    try:
        thaw(folder)
    except PermissionError:
        client.containers.run(
            settings.images.agent,
            ["sh", "-c", _THAW],
            mounts=[Mount("/freezer", str(folder), type="bind")],
            labels={LABEL_INSTALLATION: settings.installation, LABEL_KIND: KIND, LABEL_ID: "thaw"},
            user="0:0",
            cap_drop=["ALL"],
            network_mode="none",
            read_only=True,
            remove=True,
        )
    except FileNotFoundError:
        log.info("a frozen container ended", cgroup=str(folder))
