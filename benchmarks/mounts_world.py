"""Where mounts are measured: a workbench with a folder and a bucket, an instance, plain rclone."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chain.data_beds import BUCKET, DataBed
from tests.object_stores import ACCESS_KEY_ID, SECRET, object_store
from tests.polling import eventually
from tests.workbenches import TestBench, User, docker

from dsw.node_mounts import ObjectStore, SourceRequest
from dsw_agent.mounting.rclone import arguments, environment

MANY = "many"
FIRST = "0"
PATIENCE = 60.0
SOON = 0.001
PLAIN_MOUNT = "/mnt"


@dataclass
class World:
    """A workbench with one running instance, and the storage of its datasets."""

    data: DataBed
    user: User
    item: Any

    @property
    def root(self) -> Path:
        """The instance's root directory as this machine sees it."""
        return Path(f"/proc/{self.data.bench.inspect(self.item)['State']['Pid']}/root")

    def a_folder(self, size: int, files: int) -> Path:
        """The folder of the dataset `folder`: one file of this size, and many small ones."""
        uri = self.data.folder("folder")
        path = Path(uri.removeprefix("file://"))
        (path / MANY).mkdir()
        for number in range(files):
            (path / MANY / str(number)).write_bytes(b"x" * (number % 2048))
        with (path / "file").open("wb") as file:
            for _ in range(size // 1024**2):
                file.write(os.urandom(1024**2))
        (path / FIRST).touch()
        self.data.dataset(self.user, "folder", uri)
        return path

    def some_objects(self, count: int, size: int) -> None:
        """The objects `0`, `1` and so on of the dataset `bucket`, each of this size."""
        uri = self.data.objects("bucket")
        for number in range(count):
            self.data.store.put(BUCKET, f"team/bucket/{number}", os.urandom(size))
        self.data.dataset(self.user, "bucket", uri)


@contextmanager
def a_world(folder: Path) -> Iterator[World]:
    """A workbench of this run's own; nothing of it stays."""
    with object_store(folder / "store") as store:
        nas = folder / "nas"
        bench = TestBench(folder / "workbench", f"m{os.getpid()}", DataBed.settings(nas, store))
        data = DataBed(bench, nas, store)
        data.prepare()
        try:
            bench.up()
            user = bench.user("alice")
            yield World(data, user, user.running(display_name="mounts", spec="small"))
        finally:
            bench.down()


@contextmanager
def timed_mount(world: World, name: str) -> Iterator[tuple[float, Path]]:
    """A dataset mounted within the block: the seconds from the request until its first file is
    seen in the instance, and where it is. Nothing of it is on the machine before."""
    path = world.root / f"mnt/dynamic/{name}"
    found: list[float] = []

    def look() -> None:
        deadline = time.perf_counter() + PATIENCE
        while not (path / FIRST).exists() and time.perf_counter() < deadline:
            time.sleep(SOON)
        found.append(time.perf_counter())

    watcher = threading.Thread(target=look)
    watcher.start()
    began = time.perf_counter()
    asked = world.data.ask(world.user, world.item, name)
    watcher.join()
    mount = world.data.wait(world.user, world.item, asked, "Mounted")
    yield found[0] - began, path
    world.data.unmount(world.user, world.item, mount)
    world.data.nothing_left()


@contextmanager
def plain_rclone(world: World) -> Iterator[Path]:
    """The same objects by rclone alone: in a container of the agent's image, with the agent's
    options and a cache as large, and nobody who watches it."""
    settings = world.data.bench.settings
    store = ObjectStore(
        provider="Other",
        endpoint=world.data.store.url,
        bucket=BUCKET,
        prefix="team/bucket",
        access_key_id=ACCESS_KEY_ID,
        secret=SECRET,
    )
    size = settings.datasets.cache_per_dataset
    request = SourceRequest(key="plain", store=store, cache="/cache", cache_bytes=size)
    name = f"dsw-{world.data.bench.installation}-plain"
    docker(
        "run", "--detach", f"--name={name}", "--network=host", "--device=/dev/fuse",
        "--cap-add=SYS_ADMIN", "--security-opt=apparmor=unconfined", "--volume=/cache",
        *(f"--env={key}={value}" for key, value in environment(store, "/tmp", {}).items()),
        "--entrypoint=rclone", settings.images.agent,
        *arguments(request, PLAIN_MOUNT, "/tmp/rclone.sock")[1:],
    )  # fmt: skip
    try:
        pid = docker("inspect", "--format", "{{.State.Pid}}", name).strip()
        path = Path(f"/proc/{pid}/root{PLAIN_MOUNT}")
        eventually((path / FIRST).exists, PATIENCE)
        yield path
    finally:
        docker("rm", "--force", "--volumes", name)
