"""Datasets in containers of a real engine: seen at once, guarded by the kernel, and gone."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from tests.conftest import _built
from tests.dsw_control.catalogs import ROOMY, SPECS
from tests.dsw_control.mount_worlds import MountWorld
from tests.git_servers import git_server
from tests.object_stores import ACCESS_KEY_ID, SECRET, ObjectStoreServer, object_store
from tests.polling import eventually

from dsw.images import ImageUse
from dsw.names import container_name, network_name
from dsw.plan import LABEL_ID, LABEL_INSTALLATION, LABEL_KIND, LaunchPlan
from dsw_control.data.sources import Sources
from dsw_control.store.tables import Image
from dsw_spawners import docker_args

pytestmark = [
    pytest.mark.docker,
    pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True),
]


def docker(*arguments: str, check: bool = True) -> str:
    """What the engine's client prints."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def agent_image() -> str:
    """The helper's image, as the sources are now."""
    return _built("agent")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStoreServer]:
    with object_store(tmp_path_factory.mktemp("store")) as server:
        yield server


class Node:
    """The engine with a world's containers."""

    def __init__(self, world: MountWorld, image: str) -> None:
        self.world = world
        self.installation = world.control.settings.installation
        self._image = image

    async def running(self, name: str = "train", **more: Any) -> str:
        """An instance with a container that runs."""
        instance_id = await self.world.instance(name, **more)
        self.run(await self.world.started(instance_id))
        return instance_id

    def run(self, plan: LaunchPlan) -> None:
        """A container that sees what the plan says."""
        binds = docker_args.host_arguments(plan, "/run", {})["binds"]
        volumes = [
            f"--volume={source}:{each['bind']}:{each['mode']},{each['propagation']}"
            for source, each in binds.items()
        ]
        labels = {
            LABEL_INSTALLATION: self.installation,
            LABEL_KIND: "instance",
            LABEL_ID: plan.instance_id,
        }
        name = container_name(self.installation, plan.instance_id)
        docker("rm", "--force", name, check=False)
        docker(
            *("run", "--detach", "--init", "--name", name, *volumes),
            *(f"--label={key}={value}" for key, value in labels.items()),
            *(self._image, "sleep", "infinity"),
        )

    def inside(self, instance_id: str, command: str, user: str = "1000") -> str:
        """What a shell prints in it, or the error."""
        name = container_name(self.installation, instance_id)
        done = subprocess.run(
            ["docker", "exec", "--user", user, name, "sh", "-c", command],
            capture_output=True,
            text=True,
            check=False,
        )
        return (done.stdout + done.stderr).strip()

    def inspect(self, instance_id: str) -> Any:
        """Its container as the engine tells it."""
        return json.loads(docker("inspect", container_name(self.installation, instance_id)))[0]

    def end(self, instance_id: str) -> None:
        """Its container stops."""
        docker("rm", "--force", container_name(self.installation, instance_id))

    def mounts(self) -> list[str]:
        """What is mounted below the installation's folder on this machine."""
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
        return [line.split()[4] for line in lines if f"/dsw-{self.installation}/" in line]

    def helpers(self) -> list[str]:
        """Containers of the installation that are no instances."""
        names = docker(
            *("ps", "--all", "--format", '{{.Names}} {{.Label "dsw.kind"}}'),
            *("--filter", f"label={LABEL_INSTALLATION}={self.installation}"),
        )
        return [line for line in names.splitlines() if not line.endswith(" instance")]


@pytest.fixture
async def node(
    make_api: Any,
    agent_image: str,
    debian_image: str,
    store: ObjectStoreServer,
    tmp_path: Path,
) -> AsyncIterator[Node]:
    """A world on the real engine; afterwards nothing of it is left there."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    os.chmod(tmp_path, 0o755)
    installation = f"m{secrets.token_hex(4)}"
    classes = [
        {"name": "data", "kind": "host", "root": str(folder), "writable": True},
        {"name": "gone", "kind": "host", "root": str(tmp_path / "not-there")},
        {"name": "nas", "kind": "nfs", "server": "127.0.0.1", "export": "/vol"},
        {
            "name": "store",
            "kind": "s3",
            "endpoint": store.url,
            "bucket": "pictures",
            "access_key_id": ACCESS_KEY_ID,
            "writable": True,
        },
    ]
    api = await make_api(
        engine={"kind": "docker"},
        installation=installation,
        images={"official": [{"name": "base", "reference": debian_image}], "agent": agent_image},
        specs=SPECS,
        resource_groups=ROOMY,
        storage_classes=classes,
    )
    secret = api.control.settings.data / "secrets" / "storage-store"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    async with api.control.db.write() as session:
        # Nothing has to serve in the containers here.
        await session.execute(update(Image).values(use=ImageUse.INSTANCE))
    docker("network", "create", network_name(installation))
    node = Node(await MountWorld(api, folder).fill(), debian_image)
    try:
        yield node
        await _all_gone(node)
    finally:
        _clean(node)


async def _all_gone(node: Node) -> None:
    """Delete every instance as the reconciler would; nothing is left on the node."""
    world = node.world
    for item in (await world.api.ok("ada", "GET", "/instances"))["items"]:
        docker("rm", "--force", container_name(node.installation, item["id"]), check=False)
        await world.rests(item["id"], deleted=True)
    engine = world.control.engine.mounts
    assert engine is not None

    async def gone() -> bool:
        await world.worker.sweep()
        volumes = docker("volume", "ls", "-q", "--filter", f"name=dsw-{node.installation}-")
        left = node.mounts() or node.helpers() or volumes
        return not (left or await engine.instances())

    await world.until(gone)
    assert await engine.sources() == []


def _clean(node: Node) -> None:
    names = docker(
        "ps", "-aq", "--filter", f"label={LABEL_INSTALLATION}={node.installation}"
    ).split()
    if names:
        docker("rm", "--force", *names)
    for point in reversed(node.mounts()):
        subprocess.run(["umount", "-l", point], check=False)
    root = docker("info", "--format", "{{.DockerRootDir}}")
    shutil.rmtree(f"{root}/dsw-{node.installation}", ignore_errors=True)
    docker("network", "rm", network_name(node.installation))


async def test_a_folder_is_seen_while_the_instance_runs_and_guarded_by_the_kernel(
    node: Node,
) -> None:
    world = node.world
    await world.dataset("pets")
    await world.dataset("notes", access="rw")
    instance_id = await node.running()
    assert node.inside(instance_id, "ls /mnt/dynamic /mnt/data") == "/mnt/data:\n\n/mnt/dynamic:"
    pets = await world.mounted(instance_id, "pets")
    assert pets["target"] == "/mnt/dynamic/pets"
    assert node.inside(instance_id, "cat /mnt/dynamic/pets/file") == "of pets"
    for user in ("1000", "0"):
        said = node.inside(instance_id, "touch /mnt/dynamic/pets/new", user)
        assert "Read-only file system" in said
    await world.mounted(instance_id, "notes", access="rw", name="mine")
    os.chown(world.folder / "notes", 1000, 1000)
    assert node.inside(instance_id, "echo hi > /mnt/dynamic/mine/new") == ""
    assert (world.folder / "notes" / "new").read_text() == "hi\n"
    assert node.helpers() == []
    # The container itself knows of the node's folder and of nothing else.
    root = f"/dsw-{node.installation}/instances/{instance_id}/"
    assert all(root in bind for bind in node.inspect(instance_id)["HostConfig"]["Binds"])


async def test_who_holds_a_mount_is_named_and_force_ends_it(node: Node) -> None:
    world = node.world
    await world.dataset("pets")
    instance_id = await node.running()
    view = await world.mounted(instance_id, "pets")
    name = container_name(node.installation, instance_id)
    docker("exec", "--detach", "--workdir", "/mnt/dynamic/pets", name, "sleep", "3600")
    eventually(lambda: "sleep 3600" in docker("top", name))
    status, sentence = await world.unmount(view)
    assert (status, "sleep" in sentence) == (409, True)
    kept = await world.look(view)
    assert (kept["state"], kept["reason"]) == ("Mounted", "Busy")
    assert [holder["command"] for holder in kept["holders"]] == ["sleep 3600"]
    assert node.inside(instance_id, "cat /mnt/dynamic/pets/file") == "of pets"
    assert await world.unmount(view, force=True) == (202, "Unmounted")
    assert node.inside(instance_id, "ls /mnt/dynamic") == ""
    assert node.mounts() == []


async def test_static_datasets_are_there_at_the_start_and_gone_after_the_stop(node: Node) -> None:
    world = node.world
    await world.dataset("pets")
    await world.dataset("birds")
    datasets = [{"dataset": "pets"}, {"dataset": "birds", "path": "/data/birds"}]
    instance_id = await node.running(datasets=datasets)
    assert node.inside(instance_id, "cat /mnt/data/pets/file /data/birds/file") == "of petsof birds"
    assert len(node.mounts()) == 2
    node.end(instance_id)
    await world.rests(instance_id)
    await world.turn()
    assert node.mounts() == []
    rows = (await world.api.ok("ada", "GET", f"/instances/{instance_id}/mounts"))["items"]
    assert {row["state"] for row in rows} == {"Unmounted"}
    node.run(await world.started(instance_id))
    assert node.inside(instance_id, "cat /data/birds/file") == "of birds"


async def test_what_cannot_be_had_alone_is_not_mounted(node: Node, tmp_path: Path) -> None:
    world = node.world
    await world.dataset("pets")
    await world.dataset("gone", uri=f"file://{tmp_path}/not-there/x")
    await world.dataset("export", uri="nas://127.0.0.1/vol/x")
    instance_id = await node.running()
    views = {name: await world.mount(instance_id, name) for name in ("pets", "gone", "export")}
    await world.becomes(views["pets"], "Mounted")
    for name in ("gone", "export"):
        failed = await world.becomes(views[name], "Failed")
        assert failed["reason"] == "SourceUnreachable", failed


async def test_an_object_store_is_mounted_once_for_two_and_comes_back(
    node: Node, store: ObjectStoreServer
) -> None:
    world = node.world
    store.bucket("pictures")
    store.put("pictures", "cats/one.txt", b"of the store")
    await world.dataset("cats", uri="s3://pictures/cats")
    datasets = [{"dataset": "cats", "path": "/data/cats"}]
    first, second = await node.running("one", datasets=datasets), await node.running("two")
    assert node.inside(first, "cat /data/cats/one.txt") == "of the store"
    views = [await world.mounted(each, "cats") for each in (first, second)]
    assert node.inside(second, "cat /mnt/dynamic/cats/one.txt") == "of the store"
    assert len([line for line in node.helpers() if line.endswith(" source")]) == 1
    assert SECRET not in docker("inspect", *(line.split()[0] for line in node.helpers()))
    for name in (first, second):
        assert SECRET not in json.dumps(node.inspect(name))
    # The helper dies, as with an engine that is restarted.
    helper = node.helpers()[0].split()[0]
    docker("kill", helper)
    await world.becomes(views[0], "Degraded")
    await world.becomes(views[0], "Mounted")
    await world.becomes(views[1], "Mounted")
    for each in (first, second):
        assert node.inside(each, "cat /mnt/dynamic/cats/one.txt") == "of the store"
    assert node.inside(first, "cat /data/cats/one.txt") == "of the store"
    assert (await world.unmount(views[0]))[0] == 202
    node.end(first)
    await world.rests(first)
    await world.turn()
    assert len(node.helpers()) == 1
    assert (await world.unmount(views[1]))[0] == 202
    await world.turn()
    assert node.helpers() == []


async def test_a_repository_is_checked_out_and_shown(node: Node, tmp_path: Path) -> None:
    world = node.world
    gateway = docker(
        *("network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}"),
        network_name(node.installation),
    )
    with git_server(tmp_path / "git", address=gateway) as server:
        url = server.repository("code", {"train.py": "print(1)\n"})
        await world.dataset("code", uri=f"git+{url}")
        instance_id = await node.running()
        view = await world.mounted(instance_id, "code")
    assert node.inside(instance_id, "cat /mnt/dynamic/code/train.py") == "print(1)"
    assert "Read-only" in node.inside(instance_id, "touch /mnt/dynamic/code/x", "0")
    assert (await world.unmount(view))[0] == 202
    await world.turn()
    assert await Sources(world.control, world.control.engine.mounts).unused() == set()
