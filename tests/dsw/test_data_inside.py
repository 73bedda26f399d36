"""`dsw.mount` and its kin, against something that speaks control's contract over HTTP."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.data_control import (
    AWAY,
    DATASET,
    DEGRADED,
    MOUNTED,
    MOUNTING,
    NO_BUCKET,
    OTHER,
    WHEN,
    DataDesk,
    data_control,
    dataset,
    mount,
)
from tests.polling import eventually
from tests.saving_control import INSTANCE, TOKEN

import dsw
from dsw import inside, mount_handle
from dsw.errors import Conflict, DswError, Invalid, NotFound, RemoteError, Unavailable
from dsw.mount_handle import MountHandle
from dsw.snapshot_handle import Interrupted

MOUNTS = f"/instances/{INSTANCE}/mounts"
READY = "“imagenet” version 3 is mounted read-only at /mnt/dynamic/imagenet."


@pytest.fixture
def control(monkeypatch: pytest.MonkeyPatch) -> Iterator[DataDesk]:
    """Control, for whose instance this process is taken."""
    with data_control() as running:
        for name, value in running.environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(mount_handle, "PERIOD", 0.01)
        monkeypatch.setattr(mount_handle, "SLOWEST", 0.02)
        yield running


def sent(control: DataDesk, method: str) -> list[tuple[str, object]]:
    """Path and body of what was asked so."""
    return [(path, body) for verb, path, body in control.calls if verb == method]


def test_a_dataset_is_mounted_and_what_comes_back_is_its_path(control: DataDesk) -> None:
    control.steps = [dict(MOUNTING), dict(MOUNTED)]
    data = dsw.mount("imagenet")
    assert sent(control, "POST") == [
        (MOUNTS, {"dataset": "imagenet", "access": "ro", "keep": False}),
    ]
    assert os.fspath(data) == str(data) == "/mnt/dynamic/imagenet"
    assert data / "train/1.jpg" == Path("/mnt/dynamic/imagenet/train/1.jpg")
    assert os.path.join(data, "labels.csv") == "/mnt/dynamic/imagenet/labels.csv"
    assert (data.state, repr(data)) == ("Mounted", READY)


def test_all_that_a_mount_may_be_told_reaches_control(control: DataDesk) -> None:
    data = dsw.mount("imagenet", access="rw", keep=True, version=2, name="pictures")
    assert sent(control, "POST")[0][1] == {
        "dataset": "imagenet",
        "access": "rw",
        "keep": True,
        "version": 2,
        "name": "pictures",
    }
    assert repr(data) == (
        "“pictures”, the dataset “imagenet”, version 3 is mounted to read and write at "
        "/mnt/dynamic/pictures; it comes back at the next start."
    )


def test_a_cell_that_runs_again_mounts_nothing_twice(control: DataDesk) -> None:
    first = dsw.mount("imagenet", keep=True)
    assert dsw.mount("imagenet").id == dsw.mount(DATASET, version=3).id == first.id
    assert len(sent(control, "POST")) == 1


@pytest.mark.parametrize(
    "again", [{"access": "rw"}, {"keep": True}, {"version": 2}], ids=lambda it: next(iter(it))
)
def test_what_is_mounted_otherwise_is_not_taken_for_it(
    control: DataDesk, again: dict[str, object]
) -> None:
    dsw.mount("imagenet")
    with pytest.raises(Conflict, match=r"mounted already: version 3, read-only\. Unmount it first"):
        dsw.mount("imagenet", **again)  # type: ignore[arg-type]
    assert len(sent(control, "POST")) == 1


def test_another_name_and_a_mount_from_the_start_do_not_stand_in_the_way(
    control: DataDesk,
) -> None:
    control.mounts = [mount(kind="static", target="/mnt/data/imagenet"), mount("x", ended_at=WHEN)]
    assert dsw.mount("imagenet").path != dsw.mount("imagenet", name="again").path
    assert len(sent(control, "POST")) == 2


def test_a_public_dataset_of_another_workspace_is_found_by_its_name(control: DataDesk) -> None:
    control.datasets = [
        dataset(),
        dataset("coco", OTHER, visibility="public"),
        dataset("coco-small", visibility="public"),
    ]
    data = dsw.mount("coco")
    wanted = {"dataset": OTHER, "name": "coco", "access": "ro", "keep": False}
    assert sent(control, "POST")[-1][1] == wanted
    assert dsw.mount("coco").id == data.id
    with pytest.raises(RemoteError, match="There is no none"):
        dsw.mount("none")
    control.datasets += [dataset("two", visibility="public")] * 2
    with pytest.raises(Conflict, match=rf"2 public datasets 'two'\..*{DATASET}"):
        dsw.mount("two")


def test_without_waiting_the_handle_tells_how_far_it_is(control: DataDesk) -> None:
    control.steps = [dict(MOUNTING)]
    data = dsw.mount("imagenet", wait=False)
    assert isinstance(data, MountHandle)
    assert data.state == "Mounting"
    assert data.message == "Mounting “imagenet”: 40 %. Starting the source."
    with pytest.raises(Unavailable, match=r"After 0\.02 s it is still mounting “imagenet”"):
        data.wait(timeout=0.02)
    control.steps = [dict(MOUNTED)]
    assert data.wait() is data


@pytest.mark.parametrize(
    ("end", "kind", "says"),
    [
        (NO_BUCKET, Conflict, r"was not mounted\. There is no bucket pictures\."),
        (DEGRADED, Unavailable, r"cannot be read\. No answer from nas1\. .*dsw\.unmount"),
    ],
)
def test_data_that_cannot_be_had_is_an_error_with_the_reason(
    control: DataDesk, end: dict[str, object], kind: type[DswError], says: str
) -> None:
    control.steps = [dict(MOUNTING), dict(end)]
    with pytest.raises(kind, match=says):
        dsw.mount("imagenet")


def test_what_failed_is_taken_back_and_can_be_tried_again(control: DataDesk) -> None:
    control.steps = [dict(NO_BUCKET)]
    with pytest.raises(Conflict):
        dsw.mount("imagenet")
    assert [path for path, _ in sent(control, "DELETE")] == [f"{MOUNTS}/{control.mounts[0]['id']}"]
    control.mounts = [mount(**NO_BUCKET)]
    control.steps = [dict(MOUNTED)]
    assert dsw.mount("imagenet").mount.state == "Mounted"
    assert [each["state"] for each in control.mounts] == ["Unmounted", "Mounted"]


def test_a_refusal_is_controls_sentence(control: DataDesk) -> None:
    control.refusal = {"status": 403, "code": "forbidden", "detail": "Only bob may write."}
    with pytest.raises(RemoteError, match="Only bob may write") as caught:
        dsw.mount("imagenet", access="rw")
    assert caught.value._render_traceback_() == ["RemoteError: Only bob may write."]


def test_a_restart_of_control_is_waited_out(
    control: DataDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    control.steps = [AWAY, AWAY, dict(MOUNTING), AWAY, dict(MOUNTED)]
    assert dsw.mount("imagenet").mount.state == "Mounted"
    monkeypatch.setattr(mount_handle, "PATIENCE", 0.05)
    control.steps = [AWAY]
    with pytest.raises(RemoteError, match="being restarted"):
        dsw.mount("imagenet", name="again")


def test_who_interrupts_takes_the_mount_back(control: DataDesk) -> None:
    control.steps = [dict(MOUNTING)]
    data = dsw.mount("imagenet", wait=False)

    def pause(_: float) -> None:
        raise KeyboardInterrupt

    data._desk.pause = pause
    with pytest.raises(Interrupted, match="Mounting “imagenet” was taken back"):
        data.finish()
    assert sent(control, "DELETE") == [(f"{MOUNTS}/{data.id}", None)]


def test_unmounting_takes_a_name_a_folder_or_a_handle(control: DataDesk) -> None:
    for what in (str, os.fspath, lambda data: data.name, lambda data: f"{data}/"):
        data = dsw.mount("imagenet")
        dsw.unmount(what(data))
        assert (data.state, data.message) == ("Unmounted", "“imagenet” is not mounted.")
        assert dsw.list_mounts() == []
    with pytest.raises(NotFound, match=r"Nothing is mounted here as 'imagenet'\. There is nothing"):
        dsw.unmount("imagenet")


def test_what_is_in_use_stays_and_the_processes_are_named(control: DataDesk) -> None:
    data = dsw.mount("imagenet")
    control.holders = [
        {"pid": os.getpid(), "command": "python3"},
        {"pid": 4242, "command": "bash"},
    ]
    said = rf"in use by python3 \({os.getpid()}, this one\), bash \(4242\)\. .* force=True"
    for unmount in (data.unmount, lambda: dsw.unmount("imagenet")):
        with pytest.raises(Conflict, match=said):
            unmount()
    assert data.state == "Mounted"
    assert "bash (4242)" in repr(dsw.list_mounts()[0])
    dsw.unmount("imagenet", force=True)
    assert sent(control, "DELETE")[-1] == (f"{MOUNTS}/{data.id}?force=true", None)
    assert data.state == "Unmounted"


def test_a_mount_from_the_start_stays(control: DataDesk) -> None:
    control.mounts = [mount(kind="static", target="/data/imagenet")]
    with pytest.raises(Conflict, match=r"from the start of this instance.* in the console"):
        dsw.unmount("/data/imagenet")
    assert sent(control, "DELETE") == []


def test_of_two_mounts_of_a_name_the_one_of_the_running_instance_is_unmounted(
    control: DataDesk,
) -> None:
    control.mounts = [mount(kind="static", target="/mnt/data/imagenet")]
    data = dsw.mount("imagenet")
    dsw.unmount("imagenet")
    assert data.state == "Unmounted"


def test_a_mount_that_control_has_forgotten_is_unmounted(control: DataDesk) -> None:
    data = dsw.mount("imagenet")
    control.mounts.clear()
    assert data.state == "Unmounted"
    with pytest.raises(Conflict, match="is not mounted"):
        data.wait()


def test_datasets_and_mounts_are_listed(control: DataDesk) -> None:
    from dsw import datasets, mounts

    control.datasets = [dataset(), dataset("zoo", writable=False, description="two\nlines")]
    found = dsw.list_datasets()
    assert isinstance(found[0], datasets.DatasetView)
    assert repr(found).splitlines() == [
        "name      version  kind  access       description",
        "imagenet  3        s3    read, write  Pictures with labels",
        "zoo       3        s3    read         two lines",
    ]
    assert [one.name for one in dsw.list_datasets(name="z")] == ["zoo"]
    assert repr(dsw.list_datasets(name="b")) == "There are no datasets."
    control.mounts = [mount(), mount("old", ended_at=WHEN)]
    assert [each.name for each in dsw.list_mounts()] == ["imagenet"]
    assert isinstance(dsw.list_mounts()[0].mount, mounts.MountView)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: dsw.mount(""), "dataset: "),
        (lambda: dsw.mount("x", access="write"), "access: "),
        (lambda: dsw.mount("x", name="../usr"), "name: "),
        (lambda: dsw.mount("x", name="a/b"), "name: "),
        (lambda: dsw.mount("x", version=0), "version: "),
    ],
)
def test_what_cannot_be_never_reaches_control(
    control: DataDesk, call: Callable[[], object], says: str
) -> None:
    with pytest.raises(Invalid, match=f"cannot be mounted so: {says}"):
        call()
    assert control.calls == []


def test_outside_an_instance_a_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in inside._NAMES:
        monkeypatch.delenv(name, raising=False)
    for call in (
        lambda: dsw.mount("x"),
        dsw.list_mounts,
        dsw.list_datasets,
        lambda: dsw.unmount("x"),
    ):
        with pytest.raises(NotFound, match=r"not run in an instance .* dsw mounts add"):
            call()


def test_the_token_is_in_no_text(control: DataDesk) -> None:
    data = dsw.mount("imagenet")
    assert TOKEN not in f"{data!r} {data} {vars(data)} {vars(data._desk)} {dsw.list_mounts()}"


def test_a_terminal_shows_the_progress_and_then_where_it_is(control: DataDesk) -> None:
    control.steps = [dict(MOUNTING)]
    ours, theirs = pty.openpty()
    environ = {**os.environ, **control.environ, "TERM": "xterm", "COLUMNS": "120"}
    with subprocess.Popen(
        [sys.executable, "-c", "import dsw; dsw.mount('imagenet')"],
        env=environ,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown = ""

        def reads(text: str) -> bool:
            nonlocal shown
            while select.select([ours], [], [], 0.05)[0]:
                try:
                    shown += os.read(ours, 65536).decode()
                except OSError:
                    break
            return text in shown

        eventually(lambda: reads("Mounting “imagenet”: 40 %. Starting the source."), 60)
        control.steps = [dict(MOUNTED)]
        eventually(lambda: reads(READY), 60)
        os.close(ours)
        assert process.wait(30) == 0
