"""A tree with all that is hard in it goes through a registry and comes back as it was."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from docker import DockerClient
from tests.dsw_agent.boxes import LABEL, Box, a_box
from tests.dsw_agent.entries import Tree, differences, read_tree
from tests.dsw_agent.test_snapshot_registry import push_base
from tests.dsw_agent.torture import TIMES, mutate, plant
from tests.registries import RegistryServer
from tests.saving import Saver
from tests.workbenches import docker

from dsw.agent import AgentReport
from dsw.settings import ImageSettings, RegistrySettings, Settings
from dsw_agent import index as indexes
from dsw_agent.failures import Cancellation
from dsw_agent.freezer import Mark
from dsw_agent.reporting import Reporter
from dsw_agent.snapshot import take

pytestmark = [pytest.mark.docker, pytest.mark.timeout(1800)]

REPOSITORY = "saved"


@dataclass
class Tortured:
    """A container with the tree in it, what saves it, and where it goes."""

    settings: Settings
    engine: DockerClient
    box: Box
    saver: Saver
    registry: RegistryServer

    def layers(self, image: str) -> list[str]:
        """Digests of an image's layers."""
        manifest = self.registry.manifest(REPOSITORY, image.partition("@")[2])
        return [layer["digest"] for layer in manifest["layers"]]


@pytest.fixture
def tortured(
    engine: DockerClient, agent_image: str, debian_image: str, tmp_path: Path
) -> Iterator[Tortured]:
    registry = RegistryServer(tmp_path / "registry")
    registry.start()
    try:
        settings = Settings(
            data_dir=str(tmp_path / "data"),
            installation=f"t{os.getpid()}",
            registry=RegistrySettings(address=registry.address, insecure=True),
            images=ImageSettings(agent=agent_image),
        )
        base = push_base(engine, debian_image, registry.address)
        saver = Saver(settings, base)
        with saved_by(saver, engine, debian_image) as box:
            yield Tortured(settings, engine, box, saver, registry)
    finally:
        registry.stop()


@contextmanager
def saved_by(saver: Saver, engine: DockerClient, image: str) -> Iterator[Box]:
    """A container that it finds."""
    labels = {**saver.labels, LABEL: ""}
    with a_box(engine, image, name=saver.container, labels=labels) as box:
        yield box


@contextmanager
def pulled_back(engine: DockerClient, image: str) -> Iterator[Box]:
    """A container of an image that only the registry has."""
    here = subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False)
    assert here.returncode != 0, "a snapshot in a registry leaves no copy in the engine"
    docker("pull", "--quiet", image)
    try:
        with a_box(engine, image) as box:
            yield box
    finally:
        docker("image", "rm", image)


def expected(tree: Tree) -> Tree:
    """What comes back of a tree: the format has no sockets and cannot say of an attribute that it
    is empty or has `=` in its name, and Docker unpacks files from before 1970 as from then."""
    found: Tree = {}
    for path, item in tree.items():
        if item.kind == "s":
            continue
        kept = tuple((key, value) for key, value in item.xattrs if value and "=" not in key)
        time = item.mtime if item.kind == "l" else max(item.mtime, 0)
        found[path] = replace(item, xattrs=kept, mtime=time)
    return without_engine(found)


def without_engine(tree: Tree) -> Tree:
    """Without what Docker does to each container that it starts."""
    folder = replace(tree["etc"], mtime=0)
    return {**tree, "etc": folder} | {"etc/mtab": replace(tree["etc/mtab"], mtime=0)}


def comes_back(tortured: Tortured, image: str) -> None:
    """The image is the container, entry by entry."""
    with pulled_back(tortured.engine, image) as again:
        after = without_engine(read_tree(again.root))
    lines = differences(expected(read_tree(tortured.box.root)), after)
    assert not lines, "\n".join(lines)


def test_a_torture_tree_comes_back_entry_by_entry(tortured: Tortured) -> None:
    plant(tortured.box.root)
    first = tortured.saver.save()
    assert "/opt/torture/specials/socket: a socket" in first.skipped
    comes_back(tortured, first.image)
    check_times(tortured, first.image)
    mutate(tortured.box.root)
    second = tortured.saver.save()
    comes_back(tortured, second.image)
    assert tortured.layers(second.image)[: len(tortured.layers(first.image))] == tortured.layers(
        first.image
    )
    third = tortured.saver.save()
    comes_back(tortured, third.image)


def check_times(tortured: Tortured, image: str) -> None:
    """The layers have the times that Docker does not take, to the nanosecond."""
    found: dict[str, Decimal] = {}
    for digest in tortured.layers(image)[1:]:
        blob = io.BytesIO(tortured.registry.blob(REPOSITORY, digest))
        with tarfile.open(fileobj=blob) as layer:
            for member in layer:
                exact = member.pax_headers.get("mtime", str(member.mtime))
                found[member.name] = Decimal(exact) * 10**9
    for number, time in enumerate(TIMES):
        for kind in ("file", "folder", "link", "pipe"):
            assert found[f"opt/torture/times/{kind}-{number}"] == time


def save_here(saver: Saver, **changes: Any) -> AgentReport:
    """As the agent does it, in this process."""
    request = saver.request(**changes)
    last = take(request, Reporter(io.StringIO()), Cancellation(), Mark())
    saver.keep(request, last)
    return last


def test_layers_are_put_together_before_there_are_too_many(
    tortured: Tortured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexes, "OWN_LAYERS", 4)
    plant(tortured.box.root)
    counts = [len(tortured.layers(save_here(tortured.saver).image))]
    mutate(tortured.box.root)
    while len(counts) < 3 or counts[-1] > counts[-2]:
        (tortured.box.root / "opt/more").write_text(f"{counts}")
        last = save_here(tortured.saver)
        counts.append(len(tortured.layers(last.image)))
    assert max(counts) <= 1 + 4
    comes_back(tortured, last.image)


def test_layers_of_the_image_below_are_put_together_with_new_ones(
    tortured: Tortured, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(tortured.box.root)
    save_here(tortured.saver)
    mutate(tortured.box.root)
    below = save_here(tortured.saver).image
    saved = len(tortured.layers(below)) - 1
    docker("pull", "--quiet", below)
    monkeypatch.setattr(indexes, "ALL_LAYERS", saved + 1)
    saver = Saver(tortured.settings, below)
    try:
        with saved_by(saver, tortured.engine, below) as box:
            above = replace(tortured, box=box, saver=saver)
            change_again(box.root)
            first = save_here(saver, base_saved=saved)
            comes_back(above, first.image)
            assert len(tortured.layers(first.image)) <= 1 + 2
            (box.root / "opt/torture/later").write_text("later")
            comes_back(above, save_here(saver, base_saved=saved).image)
    finally:
        docker("image", "rm", below)


def change_again(root: Path) -> None:
    """Changes of what two layers below hold: deleted, replaced, hidden, and in part."""
    folder = root / "opt/torture"
    shutil.rmtree(folder / "links")
    shutil.rmtree(folder / "many/00000")
    (folder / "many/00000").write_text("a file in place of a folder")
    shutil.rmtree(folder / "modes")
    (folder / "modes").mkdir()
    (folder / "modes/new").write_text("new")
    (folder / "swap/folder-file").unlink()
    (folder / "swap/folder-file").mkdir()
    (folder / "names/-n").write_text("once more")
    # Overlays cannot rename a folder of a layer below: this copies and deletes.
    subprocess.run(["mv", folder / "times", folder / "times-moved"], check=True)
    (root / "etc/pam.d/login").unlink()
    (root / "etc/debian_version").unlink()
