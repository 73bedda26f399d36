"""A container that changes while it is read."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.dsw_agent.swappers import SECRET, swapping

from dsw.agent import INDEX_FILE, AgentLayer, AgentRequest, AgentTarget, PreviousSnapshot
from dsw_agent import layer as layering
from dsw_agent.changes import NOTHING, since
from dsw_agent.delivery import Delivered, LayerStream
from dsw_agent.exclusions import Exclusions
from dsw_agent.failures import Cancellation, SnapshotFailed
from dsw_agent.freezer import Mark
from dsw_agent.image_config import BaseConfig
from dsw_agent.layer import Layer
from dsw_agent.reporting import Reporter
from dsw_agent.scan import scan
from dsw_agent.skipped import Skipped
from dsw_agent.snapshot import take
from dsw_agent.walk import Plan, Walk

SECONDS = 120 if os.environ.get("DSW_TEST_FULL") == "1" else 4
"""For how long folders and links are swapped."""
WANTED = {"folder: 5", "folder: 2", "file: 0", "file: 2", "folder/below: 5", "folder/below: 2"}
"""Both sides of a swap, so that it is sure that they were met."""


class Reading:
    """A plan of a folder, and the layer that is streamed from it afterwards."""

    def __init__(self, folder: Path, fixed: bool = True) -> None:
        self.root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        self.skipped = Skipped()
        self.fixed = fixed
        now = scan(self.root, Exclusions(), Cancellation())
        found = since(NOTHING, now, Exclusions(), self.skipped).found
        walk = Walk(self.root, Exclusions(), self.skipped, Cancellation())
        self.plan: Plan = walk.plan(found)
        self.layer = Layer(
            [self.root], self.plan, self.skipped, Cancellation(), lambda _: None, fixed
        )

    def stream(self) -> dict[str, bytes | None]:
        """Content of every file, None for others; the announced size is checked."""
        try:
            content = b"".join(self.layer)
        finally:
            os.close(self.root)
        if self.fixed:
            assert len(content) == self.layer.announced
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            found: dict[str, bytes | None] = {}
            for member in archive:
                file = archive.extractfile(member) if member.isfile() or member.islnk() else None
                found[member.name] = file.read() if file else None
        return found


@pytest.fixture(params=[True, False], ids=["engine", "registry"])
def read(request: pytest.FixtureRequest) -> Callable[[Path], Reading]:
    """Plans a folder, as for the engine and as for a registry."""
    return lambda folder: Reading(folder, request.param)


def test_a_file_that_vanished_is_not_in_the_layer(
    tmp_path: Path, read: Callable[[Path], Reading]
) -> None:
    (tmp_path / "gone").write_bytes(b"x" * 5000)
    (tmp_path / "stays").write_text("here")
    reading = read(tmp_path)
    (tmp_path / "gone").unlink()
    assert reading.stream() == {"stays": b"here"}
    assert reading.skipped.lines() == ["/gone: removed while it was copied"]


def test_a_file_that_was_replaced_is_saved_as_it_is_now(
    tmp_path: Path, read: Callable[[Path], Reading]
) -> None:
    (tmp_path / "notebook").write_text("old")
    reading = read(tmp_path)
    (tmp_path / "new").write_text("new and longer " * 1000)
    (tmp_path / "new").rename(tmp_path / "notebook")
    assert reading.stream() == {"notebook": b"new and longer " * 1000}


def test_a_file_that_shrank_is_saved_as_it_is_now(
    tmp_path: Path, read: Callable[[Path], Reading]
) -> None:
    (tmp_path / "log").write_bytes(b"x" * 100_000)
    reading = read(tmp_path)
    os.truncate(tmp_path / "log", 10)
    assert reading.stream() == {"log": b"x" * 10}


def test_a_file_that_outgrows_the_room_is_cut_and_named(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"x" * 1000)
    reading = Reading(tmp_path)
    with (tmp_path / "log").open("ab") as file:
        file.write(b"y" * 3 * layering.SLACK)
    saved = reading.stream()["log"]
    assert saved is not None
    assert layering.SLACK <= len(saved) < 2 * layering.SLACK
    assert saved.startswith(b"x" * 1000 + b"y")
    assert "grew while it was copied" in reading.skipped.lines()[0]


def test_a_file_that_shrinks_under_the_reader_ends_in_zeros(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * 10 * layering.CHUNK)
    reading = Reading(tmp_path)
    chunks = iter(reading.layer)
    content = next(chunks)
    os.truncate(tmp_path / "big", 0)
    content += b"".join(chunks)
    os.close(reading.root)
    assert len(content) == reading.layer.announced
    assert "shrank while it was copied" in reading.skipped.lines()[0]


def test_too_much_that_vanished_ends_the_snapshot(tmp_path: Path) -> None:
    with (tmp_path / "big").open("wb") as file:
        file.truncate(2 * layering.MAX_ROOM)
    reading = Reading(tmp_path)
    (tmp_path / "big").unlink()
    with pytest.raises(SnapshotFailed, match="less busy") as caught:
        reading.stream()
    assert caught.value.reason == "ChangedTooMuch"


def test_a_hard_link_whose_first_name_vanished_becomes_the_file(
    tmp_path: Path, read: Callable[[Path], Reading]
) -> None:
    (tmp_path / "a").write_text("content")
    for name in ("b", "c"):
        (tmp_path / name).hardlink_to(tmp_path / "a")
    reading = read(tmp_path)
    (tmp_path / "a").unlink()
    assert reading.stream() == {"b": b"content", "c": b"content"}


def test_a_folder_that_became_a_link_is_not_followed(
    tmp_path: Path, read: Callable[[Path], Reading]
) -> None:
    (tmp_path / "upper/folder").mkdir(parents=True)
    (tmp_path / "upper/folder/file").write_text("mine")
    (tmp_path / "host").mkdir()
    (tmp_path / "host/file").write_text("of the host")
    reading = read(tmp_path / "upper")
    (tmp_path / "upper/folder").rename(tmp_path / "upper/aside")
    (tmp_path / "upper/folder").symlink_to(tmp_path / "host")
    assert reading.stream() == {"folder": None}
    assert reading.skipped.lines() == ["/folder: removed while it was copied"]


def test_a_file_that_became_a_pipe_or_a_link_is_not_read(
    tmp_path: Path, read: Callable[[Path], Reading]
) -> None:
    (tmp_path / "one").write_text("1")
    (tmp_path / "two").write_text("2")
    reading = read(tmp_path)
    (tmp_path / "one").unlink()
    os.mkfifo(tmp_path / "one")
    (tmp_path / "two").unlink()
    (tmp_path / "two").symlink_to("/etc/hostname")
    assert reading.stream() == {}


class Kept:
    """A place for images that keeps the bytes of all layers."""

    def __init__(self, exact: bool) -> None:
        self.exact = exact
        self.layers: list[bytes] = []

    def open(self, base: BaseConfig, reused: Sequence[AgentLayer]) -> bool:
        return not reused

    def add(self, layer: LayerStream) -> AgentLayer:
        self.layers.append(b"".join(layer))
        return AgentLayer(diff_id=f"sha256:{hashlib.sha256(self.layers[-1]).hexdigest()}")

    def finish(self, config: bytes) -> Delivered:
        return Delivered(image="kept", size=None)

    def close(self) -> None:
        pass


def a_request(tmp_path: Path, **changes: Any) -> AgentRequest:
    """A request to save a folder live."""
    values: dict[str, Any] = {
        "snapshot_id": "snap-aaaaaaaaaaaa",
        "upper": str(tmp_path / "upper"),
        "work": str(tmp_path / "work"),
        "base_image": "sha256:0",
        "base_config": json.dumps({"rootfs": {"type": "layers", "diff_ids": []}}),
        "mounts": [],
        "author": "alice",
        "created": datetime.now(UTC),
        "comment": "",
        "target": AgentTarget(kind="engine", tag="kept"),
    }
    return AgentRequest.model_validate(values | changes)


@pytest.mark.skipif(os.geteuid() != 0, reason="the agent works as root")
def test_what_vanished_while_it_was_copied_is_deleted_by_the_next_snapshot(tmp_path: Path) -> None:
    """The image that the next one builds on has it from the snapshot before."""
    upper, work = tmp_path / "upper", tmp_path / "work"
    upper.mkdir()
    (upper / "z-moves").write_text("here")
    layers: list[bytes] = []

    class Late(Kept):
        """Something vanishes when the first bytes of a layer are there."""

        def open(self, base: BaseConfig, reused: Sequence[AgentLayer]) -> bool:
            return True

        def add(self, layer: LayerStream) -> AgentLayer:
            parts = iter(layer)
            first = next(parts)
            if len(layers) == 1:
                (upper / "z-moves").unlink()
            layers.append(first + b"".join(parts))
            return AgentLayer(diff_id=f"sha256:{len(layers)}")

    for number in range(3):
        (upper / "a-big").write_bytes(os.urandom(3 * layering.CHUNK))
        if number == 1:
            (upper / "z-moves").write_text("changed")
        name = f"snap-{'abc'[number] * 12}"
        last = f"snap-{'zab'[number] * 12}"
        previous = PreviousSnapshot(snapshot_id=last, image="kept") if number else None
        changes = {"snapshot_id": name, "container": "one", "previous": previous}
        request = a_request(tmp_path, **changes)
        take(request, Reporter(io.StringIO()), Cancellation(), Mark(), Late(exact=False))
        (work / name / INDEX_FILE).rename(work / INDEX_FILE)
    found = [{kind.partition(":")[0] for kind in kinds(layer)} for layer in layers]
    assert found == [{"a-big", "z-moves"}, {"a-big"}, {"a-big", ".wh.z-moves"}]


@pytest.mark.timeout(600)
@pytest.mark.skipif(os.geteuid() != 0, reason="the agent works as root")
def test_swapping_folders_for_links_never_leaks_a_host_file(tmp_path: Path) -> None:
    request = a_request(tmp_path)
    seen: Counter[str] = Counter()
    rounds = 0
    with swapping(tmp_path):
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline or WANTED - set(seen):
            assert time.monotonic() < deadline + 60, f"never met: {WANTED - set(seen)}"
            kept = Kept(exact=rounds % 2 == 0)
            take(request, Reporter(io.StringIO()), Cancellation(), Mark(), kept)
            for layer in kept.layers:
                assert SECRET not in layer
                seen.update(kinds(layer))
            for file in (tmp_path / "work").rglob("*.json"):
                assert SECRET not in file.read_bytes()
            rounds += 1
    assert rounds > SECONDS


def kinds(layer: bytes) -> set[str]:
    """What a layer met: names with the kind of what was there."""
    with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
        return {f"{member.name}: {member.type.decode()}" for member in archive}
