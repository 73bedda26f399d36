"""A program that never stops writing, and images that hold one moment of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from docker import DockerClient
from tests.dsw_agent.boxes import Box, a_box, a_request, finish, start_agent
from tests.dsw_agent.pairs import a_writer, count, torn
from tests.dsw_agent.stored_images import saved_files
from tests.dsw_agent.test_snapshot_registry import a_target, push_base
from tests.polling import eventually
from tests.registries import RegistryServer

from dsw.agent import INDEX_FILE, PreviousSnapshot
from dsw.names import new_id
from dsw.snapshots import SnapshotMode
from dsw_control.engines.docker_source import running_freezer

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

SNAPSHOTS = 50 if os.environ.get("DSW_TEST_FULL") == "1" else 6
FOLDER = "opt/log"


@dataclass
class Busy:
    """A container in which the program runs, saved by an agent of this machine."""

    box: Box
    registry: RegistryServer
    base: str
    folder: Path
    freezer: Path
    previous: PreviousSnapshot | None = field(default=None)

    def snapshot(self, **changes: Any) -> dict[str, bytes]:
        """Save it upon the snapshot before; the program's files in the image."""
        snapshot_id = new_id("snap")
        values = {
            "snapshot_id": snapshot_id,
            "container": self.box.container.id,
            "freezer": str(self.freezer),
            "work": str(self.folder / "work"),
            "previous": self.previous,
        }
        target = a_target(self.base, tag=snapshot_id)
        request = a_request(self.box, target, **values | changes)
        done = finish(start_agent(request, self.folder))
        assert done.code == 0, (done.last, done.errors)
        work = self.folder / "work"
        (work / snapshot_id / INDEX_FILE).rename(work / INDEX_FILE)
        self.previous = PreviousSnapshot(snapshot_id=snapshot_id, image=done.last.image)
        files = saved_files(self.registry, done.last.image)
        below = f"{FOLDER}/"
        return {path[len(below) :]: files[path] for path in files if path.startswith(below)}


@pytest.fixture(scope="module")
def busy(
    engine: DockerClient, debian_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Busy]:
    """It has written for a while already."""
    tmp_path = tmp_path_factory.mktemp("busy")
    registry = RegistryServer(tmp_path / "registry")
    registry.start()
    try:
        base = push_base(engine, debian_image, registry.address)
        with a_box(engine, debian_image) as box:
            folder = box.root / FOLDER
            for number in range(200):
                path = folder / f"between/{number}"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(os.urandom(10_000))
            freezer = running_freezer(box.container.attrs)
            assert freezer is not None
            with a_writer(folder, freezer):
                eventually((folder / "z-replaced").exists)
                yield Busy(box, registry, base, tmp_path, freezer)
    finally:
        registry.stop()


def test_a_consistent_snapshot_holds_one_moment(busy: Busy) -> None:
    last = 0
    for number in range(SNAPSHOTS):
        files = busy.snapshot()
        assert torn(files) == [], f"snapshot {number + 1}"
        assert count(files) > last, "the program went on after it was frozen"
        last = count(files)


def test_a_full_snapshot_holds_one_moment_too(busy: Busy) -> None:
    for _ in range(2):
        busy.previous = None
        assert torn(busy.snapshot()) == []


def test_a_live_snapshot_may_be_torn(busy: Busy) -> None:
    """What the tests above would see if nothing was frozen."""
    assert any(torn(busy.snapshot(mode=SnapshotMode.LIVE)) for _ in range(20))
