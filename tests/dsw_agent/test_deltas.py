"""What a snapshot upon another one ships, and when it ships all."""

from __future__ import annotations

import io
import json
import mmap
import os
import shutil
import tarfile
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.dsw_agent.containers import Container, a_container
from tests.dsw_agent.overlays import differences, tree

from dsw.agent import INDEX_FILE, PreviousSnapshot
from dsw.image_report import ImageReport
from dsw.snapshots import SnapshotMode, SnapshotState
from dsw_agent import index, passes, scan
from dsw_agent.failures import SnapshotFailed
from dsw_agent.scan import Scan


@pytest.fixture(autouse=True)
def _every_change_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    monkeypatch.setattr(scan, "GRANULARITY", -(10**18))


@pytest.fixture
def container() -> Iterator[Container]:
    """A container over one layer, mounted."""
    with a_container() as one, one.overlay.mounted():
        yield one


def shipped(container: Container) -> list[list[str]]:
    """The names in each layer of the image that was saved last."""
    layers = [container.stored[diff_id] for diff_id in container.target.order]
    return [tarfile.open(fileobj=io.BytesIO(layer)).getnames() for layer in layers]


def is_right(container: Container) -> bool:
    """Whether the image is what the container has."""
    return differences(tree(container.overlay.merged), container.image()) == []


def test_only_what_changed_is_shipped_again(container: Container) -> None:
    root = container.overlay.merged
    (root / "b/new").write_text("one")
    (root / "c/new").write_text("two")
    container.save()
    (root / "c/new").write_text("three")
    container.save()
    assert shipped(container) == [["b", "b/new", "c", "c/new"], ["c", "c/new"]]
    assert is_right(container)


def test_nothing_new_is_no_layer(container: Container) -> None:
    (container.overlay.merged / "new").write_text("one")
    container.save()
    container.save()
    assert shipped(container) == [["new"]]
    assert len(json.loads(container.target.config)["rootfs"]["diff_ids"]) == 2


def test_what_was_shipped_and_deleted_becomes_a_deletion(container: Container) -> None:
    root = container.overlay.merged
    (root / "e/f").mkdir(parents=True)
    (root / "e/f/g").write_text("x")
    (root / "b/new").write_text("x")
    container.save()
    shutil.rmtree(root / "e")
    (root / "b/new").unlink()
    container.save()
    assert shipped(container)[-1] == ["b", "b/.wh.new", ".wh.e"]
    assert is_right(container)


def test_what_was_never_shipped_leaves_no_deletion(container: Container) -> None:
    root = container.overlay.merged
    (root / "root").mkdir()
    (root / "root/.bash_history").write_text("secret")
    (root / "root/file").write_text("x")
    os.mknod(root / "root/socket", 0o140600)
    container.save()
    (root / "root/.bash_history").unlink()
    (root / "root/socket").unlink()
    container.save()
    assert shipped(container)[1:] == [["root"]]


def test_all_names_of_a_file_go_again(container: Container) -> None:
    root = container.overlay.merged
    (root / "one").write_text("x")
    for name in ("two", "three"):
        (root / name).hardlink_to(root / "one")
    container.save()
    (root / "two").write_text("longer")
    container.save()
    assert sorted(shipped(container)[-1]) == ["one", "three", "two"]
    assert is_right(container)


def test_a_folder_that_moved_goes_as_a_whole(container: Container) -> None:
    root = container.overlay.merged
    (root / "e/f").mkdir(parents=True)
    (root / "e/f/g").write_text("x")
    container.save()
    (root / "e").rename(root / "h")
    container.save()
    names = set(shipped(container)[-1])
    assert names - {"h/.wh..wh..opq"} == {".wh.e", "h", "h/f", "h/f/g"}
    assert is_right(container)


def test_a_folder_made_anew_hides_what_earlier_layers_had(container: Container) -> None:
    root = container.overlay.merged
    (root / "b/b/mine").write_text("x")
    container.save()
    shutil.rmtree(root / "b/b")
    (root / "b/b").mkdir()
    (root / "b/b/other").write_text("y")
    container.save()
    assert "b/b/.wh..wh..opq" in shipped(container)[-1]
    (root / "b/b/third").write_text("z")
    container.save()
    assert shipped(container)[-1] == ["b", "b/b", "b/b/third"]
    assert is_right(container)


def test_a_moved_folder_that_hides_the_base_goes_with_what_it_kept(container: Container) -> None:
    """Files with several names look the same in both folders that change places."""
    root = container.overlay.merged
    for name in ("e", "f"):
        (root / name).mkdir()
    (root / "e/x").write_text("shared")
    (root / "f/x").hardlink_to(root / "e/x")
    (root / "e/only").write_text("1")
    container.save()
    (root / "e").rename(root / "aside")
    (root / "f").rename(root / "e")
    (root / "aside").rename(root / "f")
    container.save()
    assert is_right(container)


def test_a_file_that_hid_from_the_copy_is_shipped_all_the_same(container: Container) -> None:
    """Its folder was elsewhere for a moment, and afterwards nothing of the file shows that."""
    root = container.overlay.merged
    names = ("one", "two")
    for name in names:
        (root / f"new-{name}").mkdir()
        (root / f"new-{name}/file").write_bytes(b"x" * 3_000_000)
        (root / f"new-{name}").rename(root / name)
    container.save(
        lambda _: [(root / name).rename(root / f"aside-{name}") for name in names],
        afterwards=lambda _: [(root / f"aside-{name}").rename(root / name) for name in names],
    )
    first = shipped(container)[0]
    assert len({"one/file", "two/file"} & set(first)) == 1, "the other one hid"
    assert is_right(container)


def test_what_is_excluded_by_now_makes_it_a_full_one(container: Container) -> None:
    root = container.overlay.merged
    (root / "token").write_text("secret")
    (root / "file").write_text("x")
    container.save()
    container.save(exclude=["/token"])
    assert shipped(container) == [["file"]]
    container.save(exclude=["/token", "/nothing"])
    assert shipped(container) == [["file"]], "nothing of it is excluded: it can be built upon"
    container.save()
    assert shipped(container) == [["file"], ["token"]]


@pytest.mark.parametrize(
    "changes",
    [
        {"previous": None},
        {"previous": PreviousSnapshot(snapshot_id="snap-other", image="x")},
        {"container": "another"},
        {"base_image": "sha256:another"},
    ],
)
def test_an_index_of_something_else_is_not_built_upon(
    container: Container, changes: dict[str, Any]
) -> None:
    (container.overlay.merged / "one").write_text("x")
    container.save()
    (container.overlay.merged / "two").write_text("x")
    container.save(**changes)
    assert [sorted(names) for names in shipped(container)] == [["one", "two"]]


@pytest.mark.parametrize("content", [b"", b"junk", None])
def test_an_index_that_cannot_be_read_is_not_built_upon(
    container: Container, content: bytes | None
) -> None:
    (container.overlay.merged / "one").write_text("x")
    container.save()
    path = container.work / INDEX_FILE
    path.write_bytes(path.read_bytes()[:-9] if content is None else content)
    container.save()
    assert shipped(container) == [["one"]]


def test_a_layer_that_is_gone_makes_it_a_full_one(container: Container) -> None:
    (container.overlay.merged / "one").write_text("x")
    container.save()
    container.stored.clear()
    container.save()
    assert shipped(container) == [["one"]]
    assert is_right(container)


def test_many_layers_are_put_together_again(container: Container) -> None:
    root = container.overlay.merged
    counts = []
    for number in range(20):
        (root / f"file-{number}").write_text("x")
        container.save()
        counts.append(len(container.target.order))
    assert max(counts) == index.OWN_LAYERS - 1
    assert counts[counts.index(max(counts)) + 1] == 1
    assert is_right(container)


def test_layers_of_earlier_snapshots_in_the_base_are_put_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(index, "ALL_LAYERS", 5)
    with a_container(layers=4) as container, container.overlay.mounted() as root:
        (root / "b/b/upper").write_text("x")
        (root / "b/b/3").unlink()
        shutil.rmtree(root / "c")
        (root / "c").write_text("a file now")
        container.save(base_saved=3)
        below = container.base_copy("below", skip=3)
        assert differences(tree(root), container.image(below)) == []
        assert len(json.loads(container.target.config)["rootfs"]["diff_ids"]) == 2
        (root / "b/b/more").write_text("y")
        (root / "b/b/2" if (root / "b/b/2").exists() else root / "a").unlink()
        container.save(base_saved=3)
        assert len(container.target.order) == 2
        assert differences(tree(root), container.image(below)) == []


def test_a_large_change_is_copied_before_it_stands_still(container: Container) -> None:
    root = container.overlay.merged
    (root / "one").write_text("x")

    def busy(number: int) -> None:
        (root / f"large-{number}").write_bytes(os.urandom(1024) * (passes.LITTLE // 1000))

    told = container.save(lambda number: busy(number) if number == 0 else None)
    assert shipped(container) == [["one"], ["large-0"]]
    assert is_right(container)
    states = list(dict.fromkeys(report.state for report in told))
    assert states.index(SnapshotState.FREEZING) > states.index(SnapshotState.COPYING)


def test_what_changes_too_much_each_time_ends_it_thawed(
    container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passes, "HELD_MAX", 1000)
    root = container.overlay.merged
    (root / "one").write_text("x")

    def busy(number: int) -> None:
        (root / "one").write_bytes(b"x" * (5000 + number))

    with pytest.raises(SnapshotFailed) as failure:
        container.save(busy)
    assert failure.value.reason == "ChangedTooMuch"
    assert "live" in failure.value.sentence
    assert (container.freezer / "freezer.state").read_text() == "THAWED"
    assert container.target.closed


def test_a_hole_that_changed_takes_no_memory(container: Container) -> None:
    root = container.overlay.merged
    (root / "one").write_text("x")

    def grow(number: int) -> None:
        with (root / "sparse").open("wb") as file:
            file.truncate(3 * passes.HELD_MAX)
            file.write(b"begin")

    container.save(grow)
    assert shipped(container)[-1] == ["sparse"]


def test_a_file_that_is_young_counts_as_changed(
    container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write through a map leaves no trace when the page was not clean."""
    monkeypatch.setattr(scan, "GRANULARITY", 50_000_000)
    root = container.overlay.merged
    (root / "mapped").write_bytes(b"a" * 8192)
    os.sync()
    with (root / "mapped").open("r+b") as file, mmap.mmap(file.fileno(), 8192) as memory:
        # Long before any snapshot, as far as its times tell.
        memory[0] = ord("b")

        def write(_: int) -> None:
            memory[1] = ord("c")

        container.save(write)
        saved = container.image()["mapped"]
        assert b"bca" in saved[0][5]  # type: ignore[index]


def test_settled_is_what_changed_well_before_the_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "GRANULARITY", 50_000_000)
    lines = [
        b"f 644 1 5 100.0000000000 %b 1 0 0 %b" % (moment, moment)
        for moment in (b"149.9400000000", b"149.9600000000", b"150.1000000000")
    ]
    assert Scan(lines, 150 * 10**9).settled == {lines[0]}


def test_the_report_tells_what_it_is_upon_and_what_was_left_out(container: Container) -> None:
    root = container.overlay.merged
    (root / "home").mkdir()
    (root / "home/.netrc").write_text("x")
    (root / "one").write_text("x")
    container.save()
    first = report(container)
    assert (first.since, first.squashed, len(first.layers)) == (None, False, 1)
    assert [each.path for each in first.left_out] == ["/home/.netrc"]
    (root / "two").write_text("x")
    container.save()
    assert report(container).since == "snap-000000000000"


def report(container: Container) -> ImageReport:
    """The report of the last snapshot."""
    assert container.previous is not None
    path = container.work / container.previous.snapshot_id / "report.json"
    return ImageReport.model_validate_json(path.read_bytes())


def test_a_live_snapshot_freezes_nothing(container: Container) -> None:
    (container.overlay.merged / "one").write_text("x")
    told = container.save(mode=SnapshotMode.LIVE)
    assert SnapshotState.FREEZING not in [each.state for each in told]
    assert shipped(container) == [["one"]]


def test_an_index_of_200_000_entries_is_read_at_once(container: Container) -> None:
    line = "f 644 {0} 512 1790000000.1234567890 1790000000.1234567890 1 0 0 opt/lib/module-{0}.py"
    lines = [line.format(number).encode() for number in range(200_000)]
    (container.overlay.merged / "one").write_text("x")
    container.save()
    path = container.work / INDEX_FILE
    known = index.read(path)
    assert known is not None
    index.write(path, known.head, Scan(lines, 5), {"opt": 7})
    began = time.process_time()
    again = index.read(path)
    assert time.process_time() - began < 2
    assert again is not None
    assert again.scan.lines == lines
    assert again.opaque == {"opt": 7}
    assert path.stat().st_size < 10_000_000
