"""The launch plan: all that an engine needs to start an instance, resolved and checked by control.

It is immutable. Spawners map it to their traits and decide nothing themselves.
"""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum

from pydantic import ConfigDict, Field

from dsw.apps import App
from dsw.base import Model
from dsw.code_sources import CodeCheckout
from dsw.names import SERVER_NAME, SERVER_NAME_MAX, id_pattern

HOME = "/mnt/workspace"
SHARED = "/mnt/shared"
DATA = "/mnt/data"
DYNAMIC = "/mnt/dynamic"
USER = "dsw"
UID = GID = 1000

EXIT_OUT_OF_MEMORY = 83
"""What the image's entry point exits with when the server was killed for memory. The engine's own
flag is not enough: it stays unset where the kernel does not tell the engine."""

LABEL_INSTALLATION = "dsw.installation"
LABEL_KIND = "dsw.kind"
LABEL_ID = "dsw.id"
LABEL_FINGERPRINT = "dsw.fingerprint"


class UserOptions(Model):
    """All that a client may send when it starts a named server on the hub; a closed schema.

    Nothing here is a path or an image reference: ids and names only, resolved by control. Control
    itself sends `attempt`, so that a start that was taken back on its way is told from one on the
    hub's own page.
    """

    workspace: str | None = Field(default=None, max_length=64)
    image: str | None = Field(default=None, pattern=id_pattern("img"))
    spec: str | None = Field(default=None, max_length=40)
    attempt: int | None = Field(default=None, ge=1)


class PlanRequest(Model):
    """What the spawner asks control: may this server start, and how?"""

    owner: str = Field(min_length=1, max_length=255)
    name: str = Field(pattern=rf"{SERVER_NAME}|^$", max_length=SERVER_NAME_MAX)
    options: UserOptions = Field(default_factory=UserOptions)


class MountKind(StrEnum):
    """A directory of the engine's host, or a volume that the engine mounts by its driver."""

    BIND = "bind"
    VOLUME = "volume"


class Mount(Model):
    """One mount: an absolute host path or a volume name, seen at `target` inside.

    `follows`: what is mounted below `source` on the host later is seen inside, too. The engine
    makes such a source where it is not there.
    """

    kind: MountKind
    source: str
    target: str
    read_only: bool = False
    driver_options: dict[str, str] = Field(default_factory=dict)
    follows: bool = False


class RegistryLogin(Model):
    """What the engine shows the registry when it pulls the image."""

    username: str
    secret: str = Field(repr=False)


class LaunchPlan(Model):
    """How to start one instance.

    `image_digest` is the immutable identity that the engine runs (an image id, or
    `repository@sha256:...`), `image_reference` where to pull it from when it is absent (empty:
    it can only be local). Memory in bytes, CPU in cores. `attempt` counts the starts of this
    instance; reports carry it, so that a late report of an older start is told apart.
    """

    # A plan that is refused is logged, and it carries secrets.
    model_config = ConfigDict(hide_input_in_errors=True)

    installation: str
    instance_id: str = Field(pattern=id_pattern("dsw"))
    attempt: int
    owner: str
    name: str
    workspace_id: str
    image_id: str
    image_name: str
    image_reference: str
    image_digest: str
    registry_login: RegistryLogin | None = None
    code: CodeCheckout | None = None
    apps: list[App] = Field(default_factory=list)
    cpu: float
    memory: int
    shared_memory: int
    pids: int
    gpu_devices: list[str] = Field(default_factory=list)
    environment: dict[str, str] = Field(default_factory=dict)
    mounts: list[Mount] = Field(default_factory=list)
    home: str
    network: str
    sudo: bool
    replace: bool = False

    @property
    def labels(self) -> dict[str, str]:
        """The labels of the engine's object, which tell whose it is."""
        return {
            LABEL_INSTALLATION: self.installation,
            LABEL_KIND: "instance",
            LABEL_ID: self.instance_id,
            LABEL_FINGERPRINT: self.fingerprint,
        }

    @property
    def fingerprint(self) -> str:
        """A hash of what only a new container can change.

        CPU, memory and pids are not in it, because an engine changes them in place; nor is the
        environment, which the entry point reads anew at each start, nor where datasets appear: a
        container that was made before there were any runs without them.
        """
        part = self.model_dump(
            mode="json",
            include={
                "image_digest",
                "shared_memory",
                "gpu_devices",
                "network",
                "sudo",
            },
        )
        part["mounts"] = [
            each.model_dump(mode="json", exclude={"follows"})
            for each in self.mounts
            if not (each.follows and each.target in (DATA, DYNAMIC))
        ]
        return hashlib.sha256(json.dumps(part, sort_keys=True).encode()).hexdigest()[:32]
