"""What a forecast tells of a container, of its last snapshot, and of what is in the way."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.dsw_agent.trees import SITE, a_wheel, debian_packages, put, request_of, whiteout

from dsw.agent import AgentReport, PreviousSnapshot
from dsw.image_report import Forecast
from dsw_agent import index, inventory
from dsw_agent.exclusions import Exclusions
from dsw_agent.failures import Cancellation, FailureReason, SnapshotFailed
from dsw_agent.scan import Scan, scan
from dsw_agent.skipped import readable
from dsw_agent.tally import SHOWN

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes whiteouts")

MIB = 1024**2


@pytest.fixture
def upper(tmp_path: Path) -> Path:
    """An empty upper directory."""
    folder = tmp_path / "upper"
    folder.mkdir()
    return folder


@pytest.fixture
def lower(tmp_path: Path) -> Path:
    """An empty layer below it."""
    folder = tmp_path / "lower"
    folder.mkdir()
    return folder


def saved_before(upper: Path, work: Path, snapshot_id: str, **changes: Any) -> None:
    """Leave the index of a snapshot that holds all that is in the upper directory now."""
    request = request_of(upper, work=str(work), **changes)
    root = os.open(upper, os.O_RDONLY)
    try:
        read = scan(root, Exclusions(request.mounts, request.exclude), Cancellation())
        head = index.head_of(request, root).model_copy(update={"snapshot": snapshot_id})
    finally:
        os.close(root)
    # As if nobody had written anything for a while before it.
    index.write(work / "index", head, Scan(read.lines, time.time_ns() + 10**9), {})


def test_size_and_biggest_folders_are_told(upper: Path) -> None:
    put(upper, f"{SITE}/torch/lib/a.so", bytes(6 * MIB))
    put(upper, f"{SITE}/torch/b.py", bytes(MIB))
    put(upper, f"{SITE}/numpy/c.so", bytes(2 * MIB))
    put(upper, "srv/model/weights", bytes(3 * MIB))
    put(upper, "etc/motd", "hello")
    told = inventory.forecast(request_of(upper))
    assert told.size == pytest.approx(12 * MIB, rel=0.01)
    assert told.entries == 16
    assert [(each.path, each.size // MIB, each.entries) for each in told.folders] == [
        (f"/{SITE}/torch", 7, 3),
        ("/srv/model", 3, 1),
        (f"/{SITE}/numpy", 2, 1),
    ]
    assert told.since is None
    assert 0 < told.seconds < 30


def test_many_small_folders_are_told_by_the_one_they_are_in(upper: Path) -> None:
    for number in range(40):
        put(upper, f"opt/tools/data/part{number:02}/x", bytes(100_000))
    folders = inventory.forecast(request_of(upper)).folders
    assert [(each.path, each.entries) for each in folders] == [("/opt/tools/data", 80)]


def test_what_is_spread_over_very_many_folders_is_below_the_root(upper: Path) -> None:
    for number in range(150):
        put(upper, f"{number}/x")
    folders = inventory.forecast(request_of(upper)).folders
    assert [(each.path, each.entries) for each in folders] == [("/", 300)]


def test_hard_links_are_shipped_once_and_deletions_weigh_little(upper: Path, lower: Path) -> None:
    first = put(upper, "srv/a", bytes(MIB))
    os.link(first, upper / "srv/b")
    put(lower, "srv/big", bytes(5 * MIB))
    whiteout(upper, "srv/big")
    told = inventory.forecast(request_of(upper, lower))
    assert told.size == pytest.approx(MIB, rel=0.02)
    assert told.entries == 4


def test_package_changes_are_told(upper: Path, lower: Path) -> None:
    debian_packages(lower, {"curl": "1"})
    whiteout(upper, a_wheel(lower, "old", "1"))
    a_wheel(upper, "torch", "2.9.0", site="srv/env/lib/python3.12/site-packages")
    told = {
        (each.manager, each.name, each.before, each.after)
        for each in inventory.forecast(request_of(upper, lower)).packages
    }
    assert told == {("pip", "old", "1", None), ("pip", "torch", None, "2.9.0")}


def test_what_is_left_out_is_told_with_the_reason_and_not_counted(upper: Path) -> None:
    put(upper, "root/.ssh/id_ed25519", bytes(MIB))
    put(upper, "root/.cache/pip/http/a", bytes(MIB))
    put(upper, "srv/a.ckpt", bytes(MIB))
    put(upper, "tmp/scratch", bytes(MIB))
    put(upper, "mnt/workspace/notes", bytes(MIB))
    put(upper, "srv/app.py", "pass")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(upper / "srv/socket"))
    told = inventory.forecast(request_of(upper, exclude=["*.ckpt"]))
    assert {(each.path, each.reason) for each in told.left_out} == {
        ("/root/.ssh", "may hold secrets"),
        ("/root/.cache/pip", "a cache"),
        ("/srv/a.ckpt", "excluded by request"),
        ("/srv/socket", "a socket"),
    }
    assert told.size < 20_000
    # root, root/.cache, mnt, srv, srv/app.py
    assert told.entries == 5


def test_lists_are_cut_for_people(upper: Path) -> None:
    for number in range(SHOWN + 5):
        put(upper, f"srv/{number}.ckpt")
        a_wheel(upper, f"p{number}", "1")
    told = inventory.forecast(request_of(upper, exclude=["*.ckpt"]))
    assert (len(told.left_out), told.more_left_out) == (SHOWN, 5)
    assert len(told.packages) == SHOWN


def test_files_that_no_image_can_hold_are_named(upper: Path) -> None:
    put(upper, "srv/.wh.data")
    put(upper, "root/.ssh/.wh.x")
    os.makedirs(upper / "deep")
    deepest = os.open(upper / "deep", os.O_RDONLY)
    for _ in range(17):
        os.mkdir("d" * 250, dir_fd=deepest)
        inside = os.open("d" * 250, os.O_RDONLY, dir_fd=deepest)
        os.close(deepest)
        deepest = inside
    os.close(deepest)
    refused = inventory.forecast(request_of(upper)).refused
    reasons = {each.path: each.reason for each in refused}
    assert len(reasons) == 2
    assert "means a deletion" in reasons.pop("/srv/.wh.data")
    assert "longer than 4000 bytes" in reasons.popitem()[1]


def test_only_what_is_new_since_the_last_snapshot_is_shipped(upper: Path, tmp_path: Path) -> None:
    put(upper, "srv/old", bytes(4 * MIB))
    a_wheel(upper, "old", "1", site="srv/env/lib/python3.12/site-packages")
    work = tmp_path / "work"
    saved_before(upper, work, "snap-aaaaaaaaaaab")
    put(upper, "srv/new/file", bytes(MIB))
    previous = PreviousSnapshot(snapshot_id="snap-aaaaaaaaaaab", image="sha256:x")
    told = inventory.forecast(request_of(upper, work=str(work), previous=previous))
    assert told.since == "snap-aaaaaaaaaaab"
    assert told.size == pytest.approx(MIB, rel=0.02)
    # srv, srv/new, srv/new/file
    assert told.entries == 3
    assert [(each.name, each.after) for each in told.packages] == [("old", "1")]
    full = inventory.forecast(request_of(upper, work=str(work)))
    assert full.since is None
    assert full.size == pytest.approx(5 * MIB, rel=0.02)


@pytest.mark.parametrize(
    "changes",
    [
        {"container": "another"},
        {"base_image": "sha256:another"},
        {"previous": PreviousSnapshot(snapshot_id="snap-aaaaaaaaaaac", image="sha256:x")},
        {"base_config": json.dumps({"rootfs": {"diff_ids": [str(n) for n in range(63)]}})},
    ],
)
def test_a_snapshot_that_does_not_fit_is_not_built_on(
    changes: dict[str, Any], upper: Path, tmp_path: Path
) -> None:
    put(upper, "srv/old", bytes(MIB))
    work = tmp_path / "work"
    saved_before(upper, work, "snap-aaaaaaaaaaab")
    previous = PreviousSnapshot(snapshot_id="snap-aaaaaaaaaaab", image="sha256:x")
    values = {"work": str(work), "previous": previous, **changes}
    assert inventory.forecast(request_of(upper, **values)).since is None


def test_a_broken_index_is_as_none(upper: Path, tmp_path: Path) -> None:
    put(upper, "srv/old", "x")
    put(tmp_path, "work/index", b"\x1f\x8b nonsense")
    previous = PreviousSnapshot(snapshot_id="snap-aaaaaaaaaaab", image="sha256:x")
    request = request_of(upper, work=str(tmp_path / "work"), previous=previous)
    assert inventory.forecast(request).since is None


def test_odd_names_can_be_told(upper: Path) -> None:
    for name in (b"a\nb", b"\xff\xfe", "größe".encode(), b" ", b"%s", b"x" * 255):
        (upper / os.fsdecode(name)).mkdir()
        put(upper, os.fsdecode(name) + "/.netrc", "x")
        put(upper, os.fsdecode(name) + "/data", bytes(MIB))
    told = inventory.forecast(request_of(upper))
    assert len(told.left_out) == len(told.folders) == 6
    assert Forecast.model_validate_json(told.model_dump_json(ensure_ascii=True)) == told
    assert readable(os.fsdecode(b"\xff\xfe")) in {each.path for each in told.folders}


def test_nothing_changed_is_nothing_shipped(upper: Path, lower: Path) -> None:
    told = inventory.forecast(request_of(upper, lower))
    assert (told.size, told.entries, told.folders, told.packages) == (0, 0, [], [])


@pytest.mark.parametrize("which", ["upper", "lower"])
def test_a_folder_that_is_gone_is_a_sentence(which: str, upper: Path, lower: Path) -> None:
    {"upper": upper, "lower": lower}[which].rmdir()
    with pytest.raises(SnapshotFailed, match="cannot be read") as refusal:
        inventory.forecast(request_of(upper, lower))
    assert refusal.value.reason is FailureReason.UPPER_UNREADABLE


def run_forecast(request: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """`dsw-agent forecast` with a request file of this content."""
    path = put(folder, "request.json", request)
    command = str(Path(sys.executable).with_name("dsw-agent"))
    return subprocess.run(
        [command, "forecast", str(path)], capture_output=True, text=True, timeout=60, check=False
    )


def test_the_command_prints_one_line(upper: Path, tmp_path: Path) -> None:
    put(upper, "srv/größe", bytes(MIB))
    done = run_forecast(request_of(upper).model_dump_json(), tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    line = done.stdout.removesuffix("\n")
    assert "\n" not in line
    assert line.isascii()
    assert [each.path for each in Forecast.model_validate_json(line).folders] == ["/srv"]


def test_the_command_tells_why_there_is_no_forecast(upper: Path, tmp_path: Path) -> None:
    base = json.dumps({"rootfs": {"diff_ids": ["x"]}, "config": {"Env": ["LD_PRELOAD=/x.so"]}})
    done = run_forecast(request_of(upper, base_config=base).model_dump_json(), tmp_path)
    report = AgentReport.model_validate_json(done.stdout)
    assert (done.returncode, report.state, report.reason) == (1, "Failed", "BaseEnvironment")
    assert "LD_PRELOAD" in report.message
    done = run_forecast("{}", tmp_path)
    assert (done.returncode, AgentReport.model_validate_json(done.stdout).reason) == (
        1,
        "InvalidRequest",
    )
