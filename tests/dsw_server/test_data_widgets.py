"""The widgets of datasets and mounts, against something that answers in control's place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from tests.data_control import (
    DEGRADED,
    MOUNTED,
    MOUNTING,
    NO_BUCKET,
    OTHER,
    TABLE,
    DataDesk,
    data_control,
    dataset,
    mount,
)
from tests.polling import eventually

import dsw
from dsw import mount_handle
from dsw.datasets import Preview
from dsw_server import widgets
from dsw_server.widgets import DatasetBrowser, MountProgress
from dsw_server.widgets.preview import preview_html

WIDGET = "application/vnd.jupyter.widget-view+json"
READY = "“imagenet” version 3 is mounted read-only at /mnt/dynamic/imagenet."


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[DataDesk]:
    """Control, for whose instance this process and the kernels that it starts are taken."""
    with data_control() as running:
        for name, value in running.environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(mount_handle, "PERIOD", 0.01)
        yield running


def shown(widget: Any) -> bool:
    return bool(widget.layout.display != "none")


def labels(widget: Any) -> list[str]:
    return [label for label, _ in widget.options]


@pytest.fixture
def browser(desk: DataDesk) -> DatasetBrowser:
    """A browser of two datasets, of which none is chosen."""
    desk.datasets.append(
        dataset("census", OTHER, kind="nas", writable=False, description="<i>People</i>")
    )
    return DatasetBrowser()


def choose(browser: DatasetBrowser, name: str) -> None:
    browser.list.index = [label.split()[0] for label in labels(browser.list)].index(name)


def test_datasets_are_listed_and_filtered_by_all_that_is_known_of_them(
    browser: DatasetBrowser,
) -> None:
    assert labels(browser.list) == ["imagenet   v3, s3", "census   v3, nas"]
    assert (browser.list.value, shown(browser.files.box), shown(browser.mounting.box)) == (
        None,
        False,
        False,
    )
    for words, left in (
        ("NAS", ["census"]),
        ("vision image", ["imagenet"]),
        ("people", ["census"]),
    ):
        browser.filter.value = words
        assert [label.split()[0] for label in labels(browser.list)] == left
        assert browser.list.value is None
    browser.filter.value = "none such"
    assert (labels(browser.list), browser.about.value) == ([], "No dataset fits.")
    browser.filter.value = ""
    assert len(labels(browser.list)) == 2


def test_what_is_chosen_stays_chosen_while_the_filter_leaves_it(browser: DatasetBrowser) -> None:
    choose(browser, "census")
    browser.filter.value = "cen"
    assert browser.list.value == OTHER
    browser.filter.value = "imagenet"
    assert browser.list.value is None
    assert not shown(browser.mounting.box)


def test_of_a_dataset_nothing_is_markup(browser: DatasetBrowser) -> None:
    choose(browser, "census")
    assert "&lt;i&gt;People&lt;/i&gt;" in browser.about.value
    assert browser.mounting.access.disabled
    choose(browser, "imagenet")
    assert not browser.mounting.access.disabled


def test_folders_are_walked_with_buttons_a_page_at_a_time(browser: DatasetBrowser) -> None:
    choose(browser, "imagenet")
    files = browser.files
    assert labels(files.list) == ["train/", "labels.csv   2 KiB"]
    assert (files.up.disabled, shown(files.more)) == (True, False)
    files.list.index = 0
    files.open.click()
    assert (files.where.value, len(labels(files.list))) == ("imagenet/train", 100)
    files.list.index = 99
    files.more.click()
    assert (len(labels(files.list)), files.list.index, shown(files.more)) == (200, 99, True)
    files.more.click()
    assert (len(labels(files.list)), shown(files.more)) == (250, False)
    files.up.click()
    assert (files.where.value, len(labels(files.list))) == ("imagenet/", 2)


def test_a_file_is_previewed_and_what_cannot_be_read_is_a_sentence(
    browser: DatasetBrowser, desk: DataDesk
) -> None:
    choose(browser, "imagenet")
    browser.files.list.index = 1
    browser.files.open.click()
    assert "<td" in browser.files.preview.value
    assert "&lt;b&gt;dog&lt;/b&gt;" in browser.files.preview.value
    desk.refusal = {"status": 503, "code": "unavailable", "detail": "nas1 does <not> answer."}
    browser.files.open.click()
    assert browser.files.preview.value == "nas1 does &lt;not&gt; answer."
    browser.refresh.click()
    assert browser.about.value == "nas1 does &lt;not&gt; answer."


def test_a_dataset_whose_files_control_cannot_list_says_what_to_do(
    browser: DatasetBrowser, desk: DataDesk
) -> None:
    desk.datasets = [dataset("code", browsable=False)]
    browser.refresh.click()
    choose(browser, "code")
    assert not shown(browser.files.box)
    assert "once it is mounted" in browser.about.value


@pytest.mark.parametrize(
    ("preview", "has"),
    [
        ({"kind": "text", "text": "<script>"}, "&lt;script&gt;</pre>"),
        ({"kind": "text", "text": "a", "truncated": True}, "This is its beginning."),
        ({**TABLE, "total_rows": 5000}, "2 of 5,000 rows."),
        ({"kind": "image", "media_type": "image/png"}, "An image (image/png). Mount"),
        ({"kind": "none", "message": "It is <encrypted>."}, "It is &lt;encrypted&gt;."),
        ({"kind": "none"}, "no preview of such files"),
        ({"kind": "none", "path": "<b>", "size": 2048}, "<b>&lt;b&gt;</b>, 2 KiB"),
    ],
)
def test_a_preview_is_html_without_markup_of_the_file(preview: dict[str, Any], has: str) -> None:
    assert has in preview_html(Preview(**{"path": "x", **preview}))


def test_a_dataset_is_mounted_and_unmounted_by_buttons(
    browser: DatasetBrowser, desk: DataDesk
) -> None:
    choose(browser, "imagenet")
    pane = browser.mounting
    assert "It is not mounted." in pane.status.value
    pane.access.value, pane.keep.value = "rw", True
    desk.steps = [dict(MOUNTING), dict(MOUNTING), dict(MOUNTED)]
    pane.mount.click()
    eventually(lambda: shown(pane.unmount) and not pane.unmount.disabled, 30)
    assert (desk.mounts[0]["access"], desk.mounts[0]["keep"]) == ("rw", True)
    assert "is mounted to read and write at /mnt/dynamic/imagenet" in pane.status.value
    assert labels(browser.list)[0] == "imagenet   v3, s3, Mounted"
    assert not shown(pane.mount)
    pane.unmount.click()
    eventually(lambda: shown(pane.mount) and not pane.mount.disabled, 30)
    assert "It is not mounted." in pane.status.value


def test_who_holds_it_is_named_and_force_is_offered_then(
    browser: DatasetBrowser, desk: DataDesk
) -> None:
    desk.mounts = [mount()]
    desk.holders = [{"pid": 7, "command": "<bash>"}]
    browser.refresh.click()
    choose(browser, "imagenet")
    pane = browser.mounting
    assert (shown(pane.unmount), shown(pane.force)) == (True, False)
    pane.unmount.click()
    eventually(lambda: shown(pane.force) and not pane.force.disabled, 30)
    assert "in use by &lt;bash&gt; (7)" in pane.status.value
    pane.force.click()
    eventually(lambda: shown(pane.mount) and not pane.mount.disabled, 30)
    assert desk.mounts[0]["state"] == "Unmounted"


def test_a_mount_that_fails_says_why(browser: DatasetBrowser, desk: DataDesk) -> None:
    choose(browser, "imagenet")
    pane = browser.mounting
    desk.steps = [dict(NO_BUCKET)]
    pane.mount.click()
    eventually(lambda: "There is no bucket pictures." in pane.status.value, 30)
    eventually(lambda: not pane.mount.disabled, 30)
    assert (shown(pane.mount), shown(pane.unmount)) == (True, True)
    desk.refusal = {"status": 403, "code": "forbidden", "detail": "Not for you."}
    pane.mount.click()
    assert "Not for you." in pane.status.value


def test_a_mount_from_the_start_is_told_and_another_can_be_made(
    browser: DatasetBrowser, desk: DataDesk
) -> None:
    desk.mounts = [mount(kind="static", target="/mnt/data/imagenet", **DEGRADED)]
    browser.refresh.click()
    choose(browser, "imagenet")
    pane = browser.mounting
    assert "at /mnt/data/imagenet cannot be read. No answer from nas1." in pane.status.value
    assert (shown(pane.mount), shown(pane.unmount)) == (True, False)


def test_the_progress_widget_tells_what_is_waited_for_and_takes_it_back(desk: DataDesk) -> None:
    desk.steps = [dict(MOUNTING)]
    handle = dsw.mount("imagenet", wait=False)
    widget = MountProgress(handle)
    widget.show(handle.refresh())
    assert widget._said.value == "Mounting “imagenet”: 40 %. Starting the source."
    assert (widget._bar.value, shown(widget._bar), shown(widget._cancel)) == (40, True, True)
    desk.refusal = {"status": 409, "code": "conflict", "detail": "It is <stopping>."}
    widget._cancel.click()
    assert widget._said.value == "It is &lt;stopping&gt;."
    assert not widget._cancel.disabled
    desk.refusal = None
    widget._cancel.click()
    assert desk.mounts[0]["state"] == "Unmounted"
    widget.close()


def test_displayed_the_progress_widget_follows_the_mount(desk: DataDesk) -> None:
    desk.steps = [dict(MOUNTING)]
    widget = MountProgress(dsw.mount("imagenet", wait=False))
    widget._ipython_display_()
    eventually(lambda: "Starting the source." in widget._said.value, 30)
    desk.steps = [dict(MOUNTED)]
    eventually(lambda: widget._said.value == READY, 30)
    assert (shown(widget._bar), shown(widget._cancel)) == (False, False)


def test_what_is_no_widget_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Browser'"):
        widgets.Browser  # noqa: B018


def outputs(*cells: str) -> list[list[dict[str, Any]]]:
    """The outputs of each cell, after all have run in a kernel."""
    notebook = nbformat.v4.new_notebook(cells=list(map(nbformat.v4.new_code_cell, cells)))
    NotebookClient(notebook, allow_errors=True, timeout=120).execute()
    return [[dict(each) for each in cell.outputs] for cell in notebook.cells]


def test_in_a_notebook_a_line_stays_and_the_browser_is_a_widget(desk: DataDesk) -> None:
    desk.steps = [dict(MOUNTING), dict(MOUNTED)]
    mounted, again, path, browser, listed = outputs(
        "import dsw\ndsw.mount('imagenet')",
        "dsw.mount('imagenet')",
        "import os\nos.fspath(dsw.list_mounts()[0])",
        "from dsw_server.widgets import DatasetBrowser\nDatasetBrowser()",
        "dsw.list_datasets()",
    )
    assert [each["data"]["text/plain"] for each in mounted] == [READY]
    assert [each["text"] for each in again] == [f"{READY}\n"]
    assert path[0]["data"]["text/plain"] == "'/mnt/dynamic/imagenet'"
    assert WIDGET in browser[0]["data"]
    assert listed[0]["data"]["text/plain"].startswith("name      version")


def test_without_ipywidgets_there_is_a_line_alone_and_errors_are_sentences(desk: DataDesk) -> None:
    desk.steps = [dict(MOUNTING), dict(NO_BUCKET)]
    hidden = "import sys\nsys.modules['ipywidgets'] = None\nimport dsw"
    _, failed, again = outputs(hidden, "dsw.mount('imagenet')", "dsw.mount('x')")
    error = next(each for each in failed if each["output_type"] == "error")
    assert error["traceback"] == [
        "Conflict: “imagenet” was not mounted. There is no bucket pictures."
    ]
    assert not any(WIDGET in each.get("data", {}) for each in failed)
    assert again[-1]["traceback"] == ["RemoteError: There is no x."]
