"""Helpers that see the node's folder of mounts: how they are named, run, found and cleaned up."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
from docker.errors import ImageNotFound, NotFound
from docker.models.containers import Container
from docker.types import LogConfig, Mount

from dsw import errors
from dsw.base import Model
from dsw.names import container_name
from dsw.node_mounts import SHARED_ROOT
from dsw.plan import LABEL_ID, LABEL_INSTALLATION, LABEL_KIND
from dsw.settings import Settings
from dsw_control.ca_bundle import BUNDLE, bundle_path
from dsw_control.engines.docker_agent import write_private
from dsw_control.engines.docker_boxes import ENDED

CAPABILITIES = ("SYS_ADMIN", "DAC_OVERRIDE", "DAC_READ_SEARCH")
"""To mount, and to enter and make folders whose owner is somebody else."""

CA_VARIABLES = ("SSL_CERT_FILE", "GIT_SSL_CAINFO")


@dataclass(frozen=True)
class Helper:
    """A helper to run: what it is for, the object that it works for, its command and request.

    `options` are further arguments of the container; `follows` how it takes part in the mounts of
    the node's folder.
    """

    kind: str
    id: str
    command: list[str]
    request: Model | None = None
    follows: str = "rshared"
    mounts: list[Mount] = field(default_factory=list)
    volumes: dict[str, dict[str, str]] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)


class NodeHelpers:
    """Containers of one installation, each named after its kind and the object it works for."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._engine_root = ""

    def root(self, client: docker.DockerClient) -> str:
        """The node's folder. It is below the engine's own because the engine makes that a shared
        mount, and no volume, so that nobody prunes it while an instance is stopped."""
        if not self._engine_root:
            self._engine_root = str(client.info()["DockerRootDir"])
        return f"{self._engine_root}/dsw-{self.settings.installation}"

    def run(self, client: docker.DockerClient, helper: Helper) -> Container:
        """Start it; an `APIError` 409 where one of its name is there already."""
        arguments = {**_CONFINED, **helper.options}
        mounts = list(helper.mounts)
        folder = self._folder(helper.kind, helper.id)
        if helper.request is not None:
            write_private(folder / "request.json", helper.request)
            mounts.append(Mount("/request", str(folder), type="bind", read_only=True))
        shared = {"bind": SHARED_ROOT, "mode": "rw", "propagation": helper.follows}
        try:
            return client.containers.run(
                self.settings.images.agent,
                helper.command,
                name=self._name(helper.kind, helper.id),
                labels=self._labels(helper.kind) | {LABEL_ID: helper.id},
                detach=True,
                mounts=mounts,
                volumes={self.root(client): shared, **helper.volumes},
                log_config=LogConfig(type="json-file", config={"max-size": "1m", "max-file": "2"}),
                **arguments,
            )
        except ImageNotFound as error:
            raise errors.EngineFailed(
                f"The helper image {self.settings.images.agent} is not there.",
                "An administrator can build it with: dsw images build agent",
            ) from error

    def authorities(self) -> dict[str, Any]:
        """Mounts and environment of one that reaches servers with the site's certificates."""
        if not self.settings.images.ca_file:
            return {"mounts": [], "environment": {}}
        source = str(bundle_path(self.settings))
        return {
            "mounts": [Mount(BUNDLE, source, type="bind", read_only=True)],
            "environment": dict.fromkeys(CA_VARIABLES, BUNDLE),
        }

    def find(self, client: docker.DockerClient, kind: str, object_id: str) -> Container | None:
        """The helper of this object, whether it runs or has ended."""
        try:
            return client.containers.get(self._name(kind, object_id))
        except NotFound:
            return None

    def remove(self, client: docker.DockerClient, kind: str, object_id: str) -> None:
        """Kill it, and remove it with its request; none is no error."""
        box = self.find(client, kind, object_id)
        if box is not None:
            with suppress(NotFound):
                box.remove(force=True)
        shutil.rmtree(self._folder(kind, object_id), ignore_errors=True)

    def ids(self, client: docker.DockerClient, kind: str, ended: bool = False) -> list[str]:
        """The objects that have a helper of this kind; `ended`: only of those that have ended."""
        labels = [f"{key}={value}" for key, value in self._labels(kind).items()]
        filters: dict[str, Any] = {"label": labels}
        if ended:
            filters["status"] = list(ENDED)
        found = client.api.containers(all=True, filters=filters)
        return [item["Labels"].get(LABEL_ID, "") for item in found]

    def _labels(self, kind: str) -> dict[str, str]:
        return {LABEL_INSTALLATION: self.settings.installation, LABEL_KIND: kind}

    def _name(self, kind: str, object_id: str) -> str:
        return container_name(self.settings.installation, f"{kind}-{object_id}")

    def _folder(self, kind: str, object_id: str) -> Path:
        return self.settings.data / "run" / kind / object_id


_CONFINED: dict[str, Any] = {
    "user": "0:0",
    "cap_drop": ["ALL"],
    "cap_add": list(CAPABILITIES),
    # The profile that engines load for containers forbids mounting whatever the capabilities.
    "security_opt": ["apparmor=unconfined", "no-new-privileges:true"],
    "read_only": True,
    "tmpfs": {"/stage": "size=1m,mode=700"},
    "network_mode": "none",
    "pids_limit": 64,
}
