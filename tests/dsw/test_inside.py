"""`dsw.snapshot` and `dsw.forecast`, against something that speaks control's contract over HTTP."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.polling import eventually
from tests.saving_control import (
    AWAY,
    COPYING,
    FAILED,
    FORECAST,
    IMAGE,
    INSTANCE,
    SAVED,
    SNAPSHOT,
    TOKEN,
    SavingControl,
    saving_control,
)

import dsw
from dsw import inside, snapshot_handle
from dsw.errors import Conflict, Invalid, NotFound, RemoteError, Unavailable
from dsw.snapshot_handle import Interrupted, SnapshotHandle
from dsw.snapshots import SnapshotState


@pytest.fixture
def control(monkeypatch: pytest.MonkeyPatch) -> Iterator[SavingControl]:
    """Control, for whose instance this process is taken."""
    with saving_control() as running:
        for name, value in running.environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(snapshot_handle, "PERIOD", 0.01)
        monkeypatch.setattr(snapshot_handle, "SLOWEST", 0.02)
        yield running


def lines(script: str, **environ: str) -> list[str]:
    """What a Python of its own prints."""
    command = [sys.executable, "-W", "error", "-c", script]
    done = subprocess.run(
        command, env={**os.environ, **environ}, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def test_importing_dsw_brings_in_nothing_but_itself() -> None:
    script = (
        "import sys; before = set(sys.modules); import dsw; "
        "print(*sorted(name for name in set(sys.modules) - before "
        "if name.split('.')[0] not in sys.stdlib_module_names))"
    )
    assert lines(script) == ["dsw dsw._version"]
    assert {"forecast", "snapshot", "__version__"} <= set(dir(dsw))
    with pytest.raises(AttributeError, match="no attribute 'snapshots_of'"):
        dsw.snapshots_of  # noqa: B018


def test_an_instance_saves_itself_and_waits_for_the_image(control: SavingControl) -> None:
    saved = dsw.snapshot(
        "环境 1",
        description="with torch",
        mode="live",
        exclude=["/opt/cache"],
        tag="v1",
    )
    assert control.calls[0] == (
        "POST",
        f"/instances/{INSTANCE}/snapshots",
        {
            "name": "环境 1",
            "description": "with torch",
            "mode": "live",
            "exclude": ["/opt/cache"],
            "tag": "v1",
            "full": False,
        },
    )
    assert (saved.state, saved.progress, saved.image_id) == (SnapshotState.SAVED, 1.0, IMAGE)
    assert repr(saved) == f"Saved as image “环境 1” ({IMAGE}, 1 GiB, paused for 0.21 s)."
    asked = len(control.calls)
    assert saved.wait().cancel().refresh().state == "Saved"
    assert len(control.calls) == asked


def test_one_pattern_may_be_a_plain_text(control: SavingControl) -> None:
    dsw.snapshot("x", exclude="*.ckpt", wait=False)
    assert control.calls[0][2]["exclude"] == ["*.ckpt"]


def test_without_waiting_the_handle_tells_how_far_it_is(control: SavingControl) -> None:
    control.steps = [COPYING]
    handle = dsw.snapshot("mine", wait=False)
    assert isinstance(handle, SnapshotHandle)
    eventually(lambda: handle.state == "Copying", 10)
    assert (handle.id, handle.name, handle.progress) == (SNAPSHOT, "mine", 0.5)
    expected = "Saving “mine”: copying files, 512 MiB of 1 GiB (50 %), 128 MiB/s, 4 s left"
    assert handle.message == expected
    control.steps = [SAVED]
    assert handle.wait().image_id == IMAGE


def test_cancelling_ends_the_snapshot_and_waiting_for_it_says_so(control: SavingControl) -> None:
    control.steps = [COPYING]
    handle = dsw.snapshot("mine", wait=False)
    assert handle.cancel() is handle
    with pytest.raises(Conflict, match="“mine” was cancelled; nothing of it stays"):
        handle.wait()
    assert ("POST", f"/snapshots/{SNAPSHOT}/cancel", None) in control.calls


def test_a_snapshot_that_fails_is_an_error_with_controls_sentence(control: SavingControl) -> None:
    control.steps = [COPYING, FAILED]
    with pytest.raises(Conflict, match=r"“mine” was not saved\. The disk is full\."):
        dsw.snapshot("mine")


def test_a_refusal_is_an_error_with_controls_sentence(control: SavingControl) -> None:
    control.refusal = {"status": 409, "code": "conflict", "detail": "It is being saved already."}
    with pytest.raises(RemoteError, match="It is being saved already") as caught:
        dsw.snapshot("mine")
    assert caught.value._render_traceback_() == ["RemoteError: It is being saved already."]


def test_a_restart_of_control_is_waited_out_and_said(control: SavingControl) -> None:
    control.steps = [AWAY, AWAY, COPYING, AWAY, SAVED]
    handle = dsw.snapshot("mine", wait=False)
    said = [(each.state, each.message) for each in handle.changes()]
    again = "Control is being restarted. Trying again."
    assert said == [
        ("Preparing", ""),
        ("Preparing", again),
        ("Preparing", again),
        ("Copying", ""),
        ("Copying", again),
        ("Saved", ""),
    ]


def test_the_state_is_the_last_known_one_while_control_is_away(control: SavingControl) -> None:
    control.steps = [COPYING, AWAY]
    handle = dsw.snapshot("mine", wait=False)
    eventually(lambda: handle.state == "Copying", 10)
    eventually(lambda: handle.state == "Copying" and len(control.calls) >= 4, 10)


def test_patience_with_control_ends(
    control: SavingControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot_handle, "PATIENCE", 0.05)
    control.steps = [AWAY]
    with pytest.raises(RemoteError, match="being restarted"):
        dsw.snapshot("mine")


def test_waiting_may_have_a_limit(control: SavingControl) -> None:
    control.steps = [COPYING]
    handle = dsw.snapshot("mine", wait=False)
    with pytest.raises(Unavailable, match=r"not saved after 0\.05 s\. It goes on"):
        handle.wait(timeout=0.05)
    assert not control.cancelled


def interrupting(handle: SnapshotHandle) -> SnapshotHandle:
    """The same handle, during whose next pause Ctrl-C is pressed."""

    def pause(_: float) -> None:
        raise KeyboardInterrupt

    handle._pause = pause
    return handle


def test_who_interrupts_a_snapshot_cancels_it(control: SavingControl) -> None:
    control.steps = [COPYING]
    handle = interrupting(dsw.snapshot("mine", wait=False))
    with pytest.raises(Interrupted, match="is being cancelled; nothing of it stays"):
        handle.finish()
    assert control.cancelled


def test_who_interrupts_the_waiting_ends_the_waiting_alone(control: SavingControl) -> None:
    control.steps = [COPYING]
    handle = interrupting(dsw.snapshot("mine", wait=False))
    with pytest.raises(Interrupted, match=r"“mine” goes on\. .*cancel\(\) ends it"):
        handle.wait()
    assert not control.cancelled


def test_an_interrupt_that_cannot_cancel_says_so(control: SavingControl) -> None:
    handle = interrupting(dsw.snapshot("mine", wait=False))
    control.refusal = {"status": 409, "code": "conflict", "detail": "It is Saved already."}
    with pytest.raises(Interrupted, match=r"not cancelled: It is Saved already\."):
        handle.finish()


def test_a_forecast_is_controls_answer(control: SavingControl) -> None:
    found = dsw.forecast(exclude=["/opt/cache"])
    assert (found.size, found.folders[0].path) == (FORECAST["size"], "/opt")
    sent = {"exclude": ["/opt/cache"], "full": False}
    assert control.calls == [("POST", f"/instances/{INSTANCE}/snapshots/forecast", sent)]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: dsw.snapshot(""), "name: "),
        (lambda: dsw.snapshot("two\nlines"), "name: "),
        (lambda: dsw.snapshot("x", mode="frozen"), "mode: "),
        (lambda: dsw.snapshot("x", tag="../latest"), "tag: "),
        (lambda: dsw.snapshot("x", exclude=[""]), r"exclude\.0: "),
        (lambda: dsw.forecast(exclude=["a\x00"]), r"exclude\.0: "),
    ],
)
def test_what_cannot_be_never_reaches_control(
    control: SavingControl, call: Callable[[], object], says: str
) -> None:
    with pytest.raises(Invalid, match=f"cannot be saved so: {says}"):
        call()
    assert control.calls == []


def test_outside_an_instance_a_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in inside._NAMES:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(NotFound, match=r"not run in an instance .* dsw snapshots create"):
        dsw.snapshot("mine")
    with pytest.raises(NotFound, match="not run in an instance"):
        dsw.forecast()


def test_where_the_environment_was_cleaned_the_instances_file_is_read(
    control: SavingControl, tmp_path: Path
) -> None:
    file = tmp_path / "environment"
    file.write_text(json.dumps({**control.environ, "HOME": "/mnt/workspace"}))
    client, instance_id = inside.connect({}, file)
    with client:
        assert client.snapshot(SNAPSHOT).instance_id == instance_id == INSTANCE
    for text in ("[]", "no json", "{}"):
        file.write_text(text)
        with pytest.raises(NotFound):
            inside.connect({}, file)


def test_control_is_reached_past_the_proxy_of_the_environment(
    control: SavingControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert dsw.snapshot("mine").state == "Saved"


def test_the_token_is_in_no_text(control: SavingControl) -> None:
    handle = dsw.snapshot("mine", wait=False)
    assert TOKEN not in f"{handle!r} {vars(handle)} {handle.message}"


def test_a_script_without_a_terminal_prints_its_own_result_alone(control: SavingControl) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "import dsw; print(dsw.snapshot('mine'))"],
        env={**os.environ, **control.environ},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    assert done.stdout == f"Saved as image “mine” ({IMAGE}, 1 GiB, paused for 0.21 s).\n"


def test_a_terminal_shows_the_progress_and_then_what_was_saved(control: SavingControl) -> None:
    control.steps = [COPYING]
    ours, theirs = pty.openpty()
    environ = {**os.environ, **control.environ, "TERM": "xterm", "COLUMNS": "120"}
    with subprocess.Popen(
        [sys.executable, "-c", "import dsw; dsw.snapshot('mine [red]')"],
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

        eventually(lambda: reads("512 MiB of 1 GiB (50 %), 128 MiB/s, 4 s left"), 60)
        assert "mine [red]: copying files" in shown
        control.steps = [SAVED]
        eventually(lambda: reads("Saved as image “mine [red]”"), 60)
        os.close(ours)
        assert process.wait(30) == 0
