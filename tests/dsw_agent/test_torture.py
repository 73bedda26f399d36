"""A tree with all that is hard in it goes through a registry and comes back as it was."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import pytest
from docker import DockerClient
from tests.dsw_agent.boxes import LABEL, Box, a_box
from tests.dsw_agent.entries import Tree, differences, read_tree
from tests.dsw_agent.test_snapshot_registry import push_base
from tests.dsw_agent.torture import TIMES, mutate, plant
from tests.registries import RegistryServer
from tests.saving import Saver
from tests.workbenches import docker

from dsw.settings import ImageSettings, RegistrySettings, Settings

pytestmark = [pytest.mark.docker, pytest.mark.timeout(1800)]

REPOSITORY = "saved"


@dataclass
class Tortured:
    """A container with the tree in it, what saves it, and where it goes."""

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
        saver = Saver(settings, push_base(engine, debian_image, registry.address))
        labels = {**saver.labels, LABEL: ""}
        with a_box(engine, debian_image, name=saver.container, labels=labels) as box:
            yield Tortured(engine, box, saver, registry)
    finally:
        registry.stop()


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
