"""Where snapshots are compared: a container that runs, control's engine, a registry in memory."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from snapshot_meters import HEART
from tests.registries import RegistryServer
from tests.saving import Saver
from tests.workbenches import docker

from dsw.plan import LABEL_INSTALLATION
from dsw.settings import RegistrySettings, Settings
from workbench import certificates

IMAGE = "jupyterhub-dsw/minimal:latest"
FOLDER = "opt/work"
"""Of the container; what is saved."""


@dataclass
class Store:
    """The registry's storage, which is as it was at the beginning again for each run."""

    registry: RegistryServer
    kept: Path = field(init=False)

    def __post_init__(self) -> None:
        self.kept = self.registry.storage.with_name("kept")

    def keep(self) -> None:
        """From now on this is the beginning. Blobs are never written twice, so links will do."""
        shutil.copytree(self.registry.storage, self.kept, copy_function=os.link)

    def reset(self) -> None:
        """Forget all that was pushed since."""
        self.registry.stop()
        shutil.rmtree(self.registry.storage)
        shutil.copytree(self.kept, self.registry.storage, copy_function=os.link)
        self.registry.start()


@dataclass
class World:
    """One workload's container and what works on it. `base` is its image in the registry."""

    settings: Settings
    store: Store
    beats: Path
    saver: Saver

    @property
    def container(self) -> str:
        """The engine's name of the container."""
        return self.saver.container

    @property
    def disk(self) -> Path:
        """A folder on the disk that the engine writes to."""
        return Path(docker("info", "--format", "{{.DockerRootDir}}").strip())

    @property
    def folder(self) -> Path:
        """The folder of the container that is filled, as this machine sees it."""
        pid = docker("inspect", "--format", "{{.State.Pid}}", self.container).strip()
        return Path(f"/proc/{pid}/root/{FOLDER}")


def build_images() -> None:
    """The images that a snapshot needs, as the sources are now."""
    command = [sys.executable, "-m", "dsw.cli.main", "images", "build", "minimal", "agent"]
    if ca_file := certificates.extra(os.environ):
        command += ["--ca-file", ca_file]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def a_world(folder: Path, memory: Path) -> Iterator[World]:
    """A world without a container; `folder` is on a disk, `memory` in memory."""
    (memory / "registry").mkdir()
    store = Store(RegistryServer(memory / "registry"))
    address = store.registry.address
    settings = Settings(
        data_dir=str(folder),
        installation=f"n{os.getpid()}",
        registry=RegistrySettings(address=address, insecure=True),
    )
    try:
        store.registry.start()
        docker("tag", IMAGE, f"{address}/base:latest")
        docker("push", "--quiet", f"{address}/base:latest")
        form = "{{range .RepoDigests}}{{println .}}{{end}}"
        digests = docker("inspect", "--format", form, IMAGE).split()
        base = next(each for each in digests if each.startswith(address))
        store.keep()
        yield World(settings, store, memory / "beats", Saver(settings, base))
    finally:
        _remove(settings.installation, address)
        store.registry.stop()


@contextmanager
def a_container(world: World) -> Iterator[None]:
    """A container whose heart beats, with nothing in it yet."""
    world.beats.mkdir(exist_ok=True)
    docker(
        "run", "--detach", "--init", "--network=none", "--user=0", f"--name={world.container}",
        *(f"--label={key}={value}" for key, value in world.saver.labels.items()),
        f"--volume={world.beats}:/beats", "--entrypoint=python", IMAGE, "-c", HEART, "/beats/log",
    )  # fmt: skip
    try:
        _favour_heart(world)
        world.folder.mkdir(parents=True)
        yield
    finally:
        docker("rm", "--force", "--volumes", world.container)


def _favour_heart(world: World) -> None:
    """A busy machine is not to be taken for a frozen container."""
    lines = docker("top", world.container, "-o", "pid").split()[1:]
    for pid in lines:
        os.setpriority(os.PRIO_PROCESS, int(pid), -20)


def _remove(installation: str, address: str) -> None:
    """Whatever is left in the engine, by label and by name."""
    label = f"label={LABEL_INSTALLATION}={installation}"
    for container in docker("ps", "--all", "--quiet", "--filter", label).split():
        docker("rm", "--force", "--volumes", container)
    form = "{{.Repository}}:{{.Tag}}"
    for name in docker("image", "ls", "--format", form, f"{address}/*").split():
        docker("image", "rm", name)
