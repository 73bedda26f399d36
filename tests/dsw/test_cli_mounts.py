"""`dsw mounts`, `--dataset` and `dsw datasets warm` against a running control on a node where
nothing is really mounted."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from tests.dsw.terminals import Terminal, running_control
from tests.dsw_control.fake_nodes import FakeNode
from tests.dsw_control.saving import Helpers
from tests.polling import eventually

from dsw.image_config import CONTRACT, ENTRY_POINT, LABEL_INSTANCE, RunConfig, read_config
from dsw.lifecycle import ContainerView
from dsw.mounts import Holder, MountReason
from dsw.node_mounts import Area, WarmReport
from dsw_control.context import Control
from dsw_control.engines.base import EngineImage

NUMBERS = count(1)
KEY = ("--kind", "object-store", "--host", "127.0.0.1:9", "--username", "KEY")


class NodeEngine(Helpers):
    """Instances run as soon as they are asked for, on a node that mounts what it is told."""

    def __init__(self, control: Control) -> None:
        super().__init__(control)
        self.node = FakeNode()
        self.mounts = self.node

    async def image(self, reference: str) -> EngineImage | None:
        """All are there, and instances can run from them."""
        run = RunConfig(Entrypoint=[ENTRY_POINT], Labels={LABEL_INSTANCE: CONTRACT})
        return EngineImage(digest=reference, size=7, config=read_config("linux", "amd64", run))


@pytest.fixture(scope="module")
def engines() -> list[NodeEngine]:
    """The engine, once control runs."""
    return []


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of this host that is a storage class."""
    return tmp_path_factory.mktemp("storage")


@pytest.fixture(scope="module")
def control_url(
    engines: list[NodeEngine], folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Where a control process answers that has this engine."""

    def make(control: Control) -> NodeEngine:
        engines.append(NodeEngine(control))
        return engines[0]

    classes = [
        {"name": "disk", "kind": "host", "root": str(folder), "writable": True},
        {"name": "buckets", "kind": "s3", "endpoint": "http://127.0.0.1:9"},
    ]
    with running_control(tmp_path_factory.mktemp("control"), make, storage_classes=classes) as url:
        yield url


@pytest.fixture
def node(control_url: str, engines: list[NodeEngine]) -> FakeNode:
    """What is mounted."""
    engines[0].node.failing.clear()
    engines[0].node.holders.clear()
    return engines[0].node


@pytest.fixture
def team(dsw: Terminal, node: FakeNode) -> str:
    """The name of a new workspace of ada."""
    name = f"mounts-{next(NUMBERS)}"
    dsw.ok("workspaces", "create", name, "--owner", "ada")
    return name


@pytest.fixture
def pets(dsw: Terminal, team: str, folder: Path) -> str:
    """The name of a dataset that may be written."""
    name = f"pets-{next(NUMBERS)}"
    (folder / name).mkdir()
    words = ("--uri", f"file://{folder}/{name}", "--access", "rw")
    dsw.ok("datasets", "create", name, *words, who="ada", workspace=team)
    return name


@pytest.fixture
def box(dsw: Terminal, team: str, engines: list[NodeEngine]) -> Iterator[str]:
    """The name of an instance of ada's that runs."""
    yield running(dsw, team, engines[0])
    with dsw.client() as api:
        for item in api.instances(everybody=True, workspace=team):
            api.delete_instance(item.id)


def running(dsw: Terminal, team: str, engine: NodeEngine, *words: str) -> str:
    """The name of a new instance, once it is up."""
    name = f"box-{next(NUMBERS)}"
    made = dsw.json(
        "instances",
        "create",
        name,
        "--spec",
        "small",
        "--no-wait",
        *words,
        who="ada",
        workspace=team,
    )
    engine.boxes[made["id"]] = ContainerView.RUNNING
    with dsw.client("ada") as api:
        assert eventually(lambda: api.instance(made["id"]).state == "Running", 60)
    return name


def test_a_dataset_is_mounted_listed_and_taken_out(
    dsw: Terminal, box: str, pets: str, node: FakeNode
) -> None:
    assert "Nothing is mounted" in dsw.ok("mounts", "list", box, who="ada")
    line = dsw.ok("mounts", "add", box, pets, "--name", "animals", "--rw", "--keep", who="ada")
    assert line.startswith("/mnt/dynamic/animals  Mounted  rw  mnt-")
    [item] = dsw.json("mounts", "list", box, who="ada")
    assert (item["dataset_name"], item["access"], item["keep"]) == (pets, "rw", True)
    assert "kept" in dsw.ok("mounts", "list", box, who="ada")
    [step] = node.of(item["instance_id"]).values()
    assert not step.read_only
    said = dsw.ok("mounts", "remove", box, "animals", who="ada")
    assert said.strip() == "/mnt/dynamic/animals is unmounted."
    assert node.of(item["instance_id"]) == {}
    assert "Mounts: none" in dsw.refused("mounts", "remove", box, "animals", who="ada")


def test_a_mount_in_use_stays_names_who_uses_it_and_goes_by_force(
    dsw: Terminal, box: str, pets: str, node: FakeNode
) -> None:
    made = dsw.json("mounts", "add", box, pets, who="ada")
    held = (made["instance_id"], Area.DYNAMIC, pets)
    node.holders[held] = [Holder(pid=40, command="python train.py")]
    said = dsw.refused("mounts", "remove", box, pets, who="ada")
    assert "In use." in said
    [item] = dsw.json("mounts", "list", box, who="ada")
    assert (item["state"], item["reason"]) == ("Mounted", "Busy")
    assert item["holders"][0]["pid"] == 40
    dsw.ok("mounts", "remove", box, pets, "--force", who="ada")
    assert dsw.json("mounts", "list", box, who="ada") == []


def test_a_mount_that_fails_is_told_with_the_reason(
    dsw: Terminal, box: str, pets: str, node: FakeNode
) -> None:
    node.failing[pets] = MountReason.REFUSED
    said = dsw.refused("mounts", "add", box, pets, who="ada")
    assert f"{pets} could not be mounted. It cannot be reached." in said
    assert "Failed" in dsw.ok("mounts", "list", box, who="ada")


def test_what_does_not_run_or_belongs_to_others_is_refused(
    dsw: Terminal, team: str, box: str, pets: str
) -> None:
    dsw.ok(
        "instances", "create", "idle", "--no-start", "--spec", "small", who="ada", workspace=team
    )
    assert "Start it first" in dsw.refused("mounts", "add", "idle", pets, who="ada")
    assert dsw.refused("mounts", "add", f"ada/{box}", pets, who="eve")
    assert dsw.refused("mounts", "add", box, "no-such-dataset", who="ada")


def test_datasets_of_the_start_are_chosen_changed_and_dropped(
    dsw: Terminal, team: str, pets: str, node: FakeNode
) -> None:
    words = ("--spec", "small", "--no-start", "--dataset", f"{pets}:1@/data/pets,rw")
    made = dsw.json("instances", "create", "starts", *words, who="ada", workspace=team)
    with dsw.client("ada") as api:
        [item] = api.mounts(made["id"])
        assert (item.kind, item.target, item.access) == ("static", "/data/pets", "rw")
        dsw.ok("instances", "change", "starts", "--dataset", pets, who="ada")
        [item] = api.mounts(made["id"])
        assert (item.target, item.access) == (f"/mnt/data/{pets}", "ro")
        dsw.ok("instances", "change", "starts", "--no-datasets", who="ada")
        assert api.mounts(made["id"]) == []
    said = dsw.refused("instances", "change", "starts", "--dataset", "x:y", who="ada")
    assert "NAME:VERSION" in said
    used = (
        "instances",
        "change",
        "starts",
        "--dataset",
        f"{pets}@/etc",
    )
    assert "Nothing can be mounted" in dsw.refused(*used, who="ada")


def test_a_cache_is_warmed_with_its_progress_and_shown(
    dsw: Terminal, team: str, node: FakeNode
) -> None:
    dsw.ok("credentials", "add", "keys", *KEY, "--secret-file", "-", piped="s", workspace=team)
    words = ("--uri", "s3://pictures/pets", "--class", "buckets", "--credential", "keys")
    dsw.ok("datasets", "create", "pets", *words, workspace=team)
    assert "nothing was read yet" in dsw.ok("datasets", "cache", "pets", workspace=team)
    process = dsw.started("datasets", "warm", "pets", "--path", "a", workspace=team)
    assert eventually(lambda: list(node.helpers), 60)
    [key] = node.helpers
    node.ready(key)
    assert eventually(lambda: list(node.warmed), 60)
    [warming] = node.warmed
    assert node.warmed[warming].path == "a"
    node.end_warm(warming, WarmReport(done=True, bytes_done=2048, files_done=2))
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "pets  Done  2 files, 2 KiB" in out
