"""A container that changes while it is read."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dsw_agent import layer as layers
from dsw_agent.exclusions import Exclusions
from dsw_agent.failures import Cancellation, SnapshotFailed
from dsw_agent.layer import Layer
from dsw_agent.skipped import Skipped
from dsw_agent.walk import Plan, Walk


class Reading:
    """A plan of a folder, and the layer that is streamed from it afterwards."""

    def __init__(self, folder: Path, fixed: bool = True) -> None:
        self.root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        self.skipped = Skipped()
        walk = Walk(self.root, Exclusions(), self.skipped, Cancellation())
        self.plan: Plan = walk.plan()
        self.layer = Layer(
            self.root, self.plan, self.skipped, Cancellation(), lambda _: None, fixed
        )

    def stream(self) -> dict[str, bytes | None]:
        """Content of every file, None for others; the announced size is checked."""
        try:
            content = b"".join(self.layer)
        finally:
            os.close(self.root)
        if self.layer._fixed:
            assert len(content) == self.layer.announced
        assert self.layer.diff_id == f"sha256:{hashlib.sha256(content).hexdigest()}"
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
        file.write(b"y" * 3 * layers.SLACK)
    saved = reading.stream()["log"]
    assert saved is not None
    assert layers.SLACK <= len(saved) < 2 * layers.SLACK
    assert saved.startswith(b"x" * 1000 + b"y")
    assert "grew while it was copied" in reading.skipped.lines()[0]


def test_a_file_that_shrinks_under_the_reader_ends_in_zeros(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * 10 * layers.CHUNK)
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
        file.truncate(2 * layers.MAX_ROOM)
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


@pytest.fixture
def swapping(tmp_path: Path) -> Iterator[Path]:
    """A tree in which folders and files turn into links to the host's and back, all the time."""
    upper, host = tmp_path / "upper", tmp_path / "host"
    (host / "below").mkdir(parents=True)
    for name in ("file", "below/file"):
        (host / name).write_text("HOST-SECRET")
    (upper / "folder/below").mkdir(parents=True)
    for name in ("folder/file", "folder/below/file", "file"):
        (upper / name).write_text("mine")
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            for name, target in (("folder", host), ("file", host / "file")):
                aside = upper.parent / f"aside-{name}"
                (upper / name).rename(aside)
                (upper / name).symlink_to(target)
                (upper / name).unlink()
                aside.rename(upper / name)

    swapper = threading.Thread(target=swap)
    swapper.start()
    yield upper
    stop.set()
    swapper.join()


def test_swapping_folders_for_links_never_leaks_a_host_file(swapping: Path) -> None:
    deadline = time.monotonic() + 5
    rounds = linked = whole = 0
    while time.monotonic() < deadline:
        found = Reading(swapping).stream()
        assert b"HOST-SECRET" not in found.values()
        rounds += 1
        linked += "folder" in found and "folder/file" not in found
        whole += found.get("folder/below/file") == b"mine"
    assert rounds > 100
    assert linked, "no walk met the swapped folder"
    assert whole, "no walk met the real folder"
