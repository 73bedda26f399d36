"""`dsw.snapshot` in notebooks: in real kernels, and with its widget in a real JupyterLab."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient
from tests.dsw_server.conftest import IMAGE as LABS_IMAGE
from tests.dsw_server.conftest import OWN, Server, StandInControl, open_lab
from tests.polling import eventually
from tests.saving_control import (
    COPYING,
    FAILED,
    IMAGE,
    SAVED,
    SNAPSHOT,
    SavingControl,
    saving_control,
)

from dsw import inside
from dsw.snapshot_handle import SnapshotHandle
from dsw.snapshots import SnapshotCreate
from dsw_server.widgets.snapshot import SnapshotProgress

SAVED_LINE = f"Saved as image “mine” ({IMAGE}, 1 GiB, paused for 0.21 s)."
WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[SavingControl]:
    """Control, for whose instance this process and the kernels that it starts are taken."""
    with saving_control() as running:
        for name, value in running.environ.items():
            monkeypatch.setenv(name, value)
        yield running


def outputs(*cells: str) -> list[list[dict[str, Any]]]:
    """The outputs of each cell, after all have run in a kernel."""
    notebook = nbformat.v4.new_notebook(cells=list(map(nbformat.v4.new_code_cell, cells)))
    NotebookClient(notebook, allow_errors=True, timeout=120).execute()
    return [[dict(each) for each in cell.outputs] for cell in notebook.cells]


def test_what_was_saved_stays_in_the_notebook_as_a_line(desk: SavingControl) -> None:
    (shown,) = outputs("import dsw\ndsw.snapshot('mine')")
    assert [each["data"] for each in shown] == [
        {"text/plain": SAVED_LINE, "text/html": f"<div>{SAVED_LINE}</div>"}
    ]


def test_a_name_is_a_text_and_no_markup(desk: SavingControl) -> None:
    (shown,) = outputs("import dsw\nkept = dsw.snapshot('<img src=x>')")
    assert "<img" not in shown[0]["data"]["text/html"]
    assert "“<img src=x>”" in shown[0]["data"]["text/plain"]


def test_a_handle_is_followed_beside_the_cells_that_run_later(desk: SavingControl) -> None:
    desk.steps = [dict(COPYING)] * 4 + [dict(SAVED)]
    later = "import time\nwhile kept.state != 'Saved':\n    time.sleep(0.1)\nkept.wait()"
    _, followed, waited, again = outputs(
        "import dsw\nkept = dsw.snapshot('mine', wait=False)", "kept", later, "kept"
    )
    eventually_a_line = [each["data"]["text/plain"] for each in (*waited, *again)]
    assert eventually_a_line == [SAVED_LINE, SAVED_LINE]
    assert followed[0]["data"]["text/plain"].startswith(("Saving “mine”", "Saved as image “mine”"))


def test_without_ipywidgets_there_is_a_line_alone(desk: SavingControl) -> None:
    desk.steps = [dict(COPYING)]
    hidden = "import sys\nsys.modules['ipywidgets'] = None\nimport dsw"
    shown = outputs(hidden, "dsw.snapshot('mine', wait=False)", "import time\ntime.sleep(0)")[1]
    assert WIDGET not in shown[0]["data"]
    assert shown[0]["data"]["text/plain"].startswith("Saving “mine”")


def test_with_ipywidgets_there_is_a_widget_while_it_is_saved(desk: SavingControl) -> None:
    desk.steps = [dict(COPYING)]
    (shown,) = outputs("import dsw\ndsw.snapshot('mine', wait=False)")
    assert set(shown[0]["data"]) == {WIDGET, "text/plain", "text/html"}


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("dsw.snapshot('')", "Invalid: This instance cannot be saved so: name: "),
        ("dsw.snapshot('mine')", "Conflict: “mine” was not saved. The disk is full."),
    ],
)
def test_an_error_is_a_sentence_and_no_traceback(desk: SavingControl, cell: str, says: str) -> None:
    desk.steps = [dict(FAILED)]
    (shown,) = outputs(f"import dsw\n{cell}")
    (error,) = [each for each in shown if each["output_type"] == "error"]
    assert len(error["traceback"]) == 1
    assert error["traceback"][0].startswith(says)


def test_interrupting_the_kernel_cancels_what_the_cell_began(desk: SavingControl) -> None:
    desk.steps = [dict(COPYING)]
    manager, client = start_new_kernel()
    try:
        asked = client.execute("import dsw\ndsw.snapshot('mine')")
        followed = ("GET", f"/snapshots/{SNAPSHOT}", None)
        eventually(lambda: followed in desk.calls, 60)
        manager.interrupt_kernel()
        reply = client.get_shell_msg(timeout=60)
        while reply["parent_header"].get("msg_id") != asked:
            reply = client.get_shell_msg(timeout=60)
        content = reply["content"]
        assert (content["status"], content["ename"]) == ("error", "Interrupted")
        assert content["traceback"] == ["Saving “mine” is being cancelled; nothing of it stays."]
        assert desk.cancelled
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def made(desk: SavingControl) -> SnapshotHandle:
    """A handle of a snapshot that has just begun."""
    client, instance_id = inside.connect(desk.environ)
    return SnapshotHandle(
        client, client.create_snapshot(instance_id, SnapshotCreate(name="<b>mine</b>"))
    )


def test_the_widget_shows_phase_bytes_rate_and_time_left(desk: SavingControl) -> None:
    handle = made(desk)
    widget = SnapshotProgress(handle)
    assert widget._title.value == (
        "Saving <b>&lt;b&gt;mine&lt;/b&gt;</b>: looking for what changed"
    )
    widget.show(handle.refresh())
    assert widget._title.value.endswith(": copying files")
    assert widget._amount.value == "512 MiB of 1 GiB (50 %), 128 MiB/s, 4 s left"
    assert widget._bar.value == 0.5
    widget.close()


def test_the_button_cancels_once_and_says_when_it_cannot(desk: SavingControl) -> None:
    desk.steps = [dict(COPYING)]
    widget = SnapshotProgress(made(desk))
    desk.refusal = {"status": 409, "code": "conflict", "detail": "It is <Saved> already."}
    widget._cancel.click()
    assert not desk.cancelled
    assert (widget._cancel.disabled, widget._cancel.description) == (False, "Cancel")
    assert widget._amount.value == "It is &lt;Saved&gt; already."
    desk.refusal = None
    widget._cancel.click()
    assert desk.cancelled
    assert (widget._cancel.disabled, widget._cancel.description) == (True, "Cancelling…")
    widget.close()


@pytest.mark.e2e
def test_a_notebook_in_lab_shows_the_widget_whose_button_works_while_the_cell_runs(
    page: Any, lab: Server, control: StandInControl
) -> None:
    from playwright.sync_api import expect
    from tests.e2e.lab_page import Lab

    control.progress = {"state": "Saved"}
    open_lab(page, lab)
    control.progress = {"state": "Copying", "rate": 5, "seconds_left": 1}
    notebook = Lab(page).new_notebook()
    output = notebook.start("import dsw\ndsw.snapshot('mine')")
    expect(output).to_contain_text("Saving mine: copying files", timeout=60_000)
    expect(output).to_contain_text("5 B of 10 B (50 %), 5 B/s, 1 s left")
    expect(output.locator(".widget-hprogress, .jupyter-widget-hprogress")).to_be_visible()
    output.get_by_role("button", name="Cancel").click()
    cancelled = ("POST", f"/snapshots/{OWN}/cancel", None)
    eventually(lambda: page.wait_for_timeout(50) or cancelled in control.calls, 60)
    expect(output).to_contain_text("was cancelled; nothing of it stays", timeout=60_000)
    expect(output.get_by_role("button", name="Cancel")).to_have_count(0)

    control.progress = {"state": "Copying"}
    output = notebook.start("dsw.snapshot('two', wait=False)")
    expect(output.get_by_role("button", name="Cancel")).to_be_visible(timeout=60_000)
    control.progress = {"state": "Saved", "image_id": LABS_IMAGE, "frozen_ms": 210}
    expect(output).to_have_text(re.compile(rf"Saved as image “mine” \({LABS_IMAGE}, "))
