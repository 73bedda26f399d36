"""The built Lab extension in a real JupyterLab, in a real browser."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from .conftest import (
    FORECAST,
    IMAGE,
    INSTANCE,
    OWN,
    REPORT,
    Server,
    StandInControl,
    open_lab,
)

pytestmark = pytest.mark.e2e

GIB = 1024**3
METRICS = {
    "cpu_percent": 12.4,
    "cpu_limit": 2,
    "memory_used": GIB,
    "memory_limit": 4 * GIB,
    "oom_kills": 0,
    "gpus": [],
}


def open_form(page: Page) -> None:
    page.get_by_role("menuitem", name="File", exact=True).click()
    page.get_by_role("menuitem", name="Save as Image…").click()


def start_saving(page: Page, name: str) -> None:
    open_form(page)
    page.fill("#dsw-save-name", name)
    page.get_by_role("button", name="Save", exact=True).click()


def notification(page: Page, text: str) -> Any:
    return page.locator(".Toastify__toast", has_text=text)


def test_an_instance_is_saved_from_the_menu_and_its_progress_survives_a_reload(
    page: Page, lab: Server, control: StandInControl
) -> None:
    control.progress = {"state": "Saved"}
    open_lab(page, lab)
    open_form(page)
    save = page.get_by_role("button", name="Save", exact=True)
    expect(page.locator("#dsw-save-name")).to_have_value(re.compile(r"^Training 20\d\d-"))
    expect(save).to_be_enabled()
    page.fill("#dsw-save-name", "   ")
    expect(save).to_be_disabled()
    page.fill("#dsw-save-name", " mine ")
    page.fill("#dsw-save-description", "with torch")
    page.fill("#dsw-save-tag", "a/b")
    expect(save).to_be_disabled()
    page.fill("#dsw-save-tag", "v1.2")
    page.select_option("#dsw-save-mode", "live")
    expect(page.locator("#dsw-save-mode-hint")).to_contain_text("half-changed")
    page.fill("#dsw-save-exclude", "/opt/cache\n\n*.ckpt")
    control.progress = {"state": "Copying", "rate": 5, "seconds_left": 1}
    save.click()
    expect(notification(page, "copying files, 5 B of 10 B (50 %), 5 B/s, 1 s left")).to_be_visible()
    expect(page.locator(".dsw-SavingStatus")).to_have_text("Saving 50 %")
    sent = {
        "name": "mine",
        "description": "with torch",
        "mode": "live",
        "tag": "v1.2",
        "exclude": ["/opt/cache", "*.ckpt"],
        "full": False,
    }
    assert ("POST", f"/instances/{INSTANCE}/snapshots", sent) in control.calls

    page.reload()
    expect(notification(page, "(50 %)")).to_be_visible(timeout=60_000)
    control.progress = {"state": "Saved"}
    expect(notification(page, "Saved as image “mine”")).to_be_visible()
    expect(page.locator(".dsw-SavingStatus")).to_be_hidden()
    with page.expect_popup() as popup:
        page.get_by_role("button", name="Open the console").click()
    assert popup.value.url.endswith("/base/services/dsw/")


def test_the_form_shows_what_would_be_saved_and_asks_anew_when_something_is_left_out(
    page: Page, lab: Server, control: StandInControl
) -> None:
    refused = [{"path": "/opt/.wh.x", "reason": "its name would mean a deletion"}]
    control.progress, control.forecast = {"state": "Saved"}, {**FORECAST, "refused": refused}
    control.may_forecast.clear()
    open_lab(page, lab)
    open_form(page)
    forecast = page.get_by_role("status", name="What will be saved")
    expect(forecast).to_contain_text("Looking at what would be saved…")
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_enabled()
    control.may_forecast.set()
    expect(forecast).to_contain_text("1.4 GiB in 31,234 files and folders to save.")
    for text in (
        *(
            "Cannot be saved (1)",
            "/opt/.wh.x",
            "its name would mean a deletion",
            "Rename or delete",
        ),
        *("/usr/local/cuda", "238.4 MiB", "torch", "pip: new, 2.9.0", "pip: 2.1.0 → 2.3.4"),
        *("Left out (4)", "/root/.ssh", "it may hold credentials", "and 3 more"),
    ):
        expect(forecast).to_contain_text(text)
    assert forecast.locator("script, img").count() == 0

    control.forecast = {**FORECAST, "size": 1024, "entries": 1, "since": OWN}
    page.fill("#dsw-save-exclude", "/opt/venv")
    expect(forecast).to_contain_text("1 KiB in 1 file or folder, changed since the last save.")
    assert control.calls[-1][2] == {"exclude": ["/opt/venv"], "full": False}


def test_a_forecast_that_fails_is_a_sentence_and_saving_stays_possible(
    page: Page, lab: Server, control: StandInControl
) -> None:
    control.progress = {"state": "Saved"}
    open_lab(page, lab)
    control.refusal = (503, b'{"code": "unavailable", "detail": "The engine does not answer."}')
    open_form(page)
    forecast = page.get_by_role("status", name="What will be saved")
    expect(forecast).to_contain_text("The engine does not answer. You can save all the same.")
    save = page.get_by_role("button", name="Save", exact=True)
    expect(save).to_be_disabled()
    control.refusal, control.progress = None, {"state": "Saved"}
    page.fill("#dsw-save-name", "mine")
    save.click()
    expect(notification(page, "Saved as image “mine”")).to_be_visible()


def test_the_end_warns_of_secrets_and_tells_the_details(
    page: Page, lab: Server, control: StandInControl
) -> None:
    markup = "<img src=x onerror=alert(1)>"
    left_out = [{"path": "/root/.ssh", "reason": markup}]
    control.report = {**REPORT, "report": {**REPORT["report"], "left_out": left_out}}
    control.progress = {"state": "Saved", "image_id": IMAGE, "frozen_ms": 210}
    open_lab(page, lab)
    start_saving(page, "mine")
    end = notification(page, "Saved as image “mine”, but 1 place in it looks like a secret")
    end.get_by_role("button", name="Details").click()
    details = page.locator(".dsw-SectionList")
    expect(details).to_contain_text("paused for 0.21 s, 4 paths left out")
    expect(details).to_contain_text("/opt/app/settings.py:12")
    expect(details).to_contain_text(markup)
    assert details.locator("img").count() == 0
    page.get_by_role("button", name="Close", exact=True).click()
    expect(end).to_be_visible()


def test_a_refusal_and_a_cancelled_save_are_said(
    page: Page, lab: Server, control: StandInControl
) -> None:
    control.progress = {"state": "Saved"}
    open_lab(page, lab)
    control.refusal = (409, b'{"code": "conflict", "detail": "It is being saved already."}')
    start_saving(page, "busy")
    expect(notification(page, "“busy” was not saved. It is being saved already.")).to_be_visible()
    control.refusal, control.progress = None, {"state": "Copying"}
    start_saving(page, "mine")
    saving = notification(page, "Saving “mine”")
    expect(saving).to_contain_text("copying files")
    saving.get_by_role("button", name="Cancel").click()
    control.progress = {"state": "Cancelled"}
    expect(notification(page, "Saving “mine” was cancelled")).to_be_visible()
    assert any(path.endswith("/cancel") for _, path, _ in control.calls)


def test_who_closes_the_progress_can_have_it_back_and_still_hears_of_the_end(
    page: Page, lab: Server, control: StandInControl
) -> None:
    control.progress = {"state": "Copying"}
    open_lab(page, lab)
    saving = notification(page, "Saving “mine”")
    close = saving.get_by_role("button", name=re.compile("close|hide", re.IGNORECASE))
    close.click()
    expect(saving).to_have_count(0)
    page.locator(".dsw-SavingStatus").click()
    expect(saving.get_by_role("button", name="Cancel")).to_be_visible()
    close.click()
    expect(saving).to_have_count(0)
    control.progress = {"state": "Failed", "message": f"The disk is full. {'x' * 200}"}
    end = notification(page, "“mine” was not saved. The disk is full.")
    end.get_by_role("button", name="Details").click()
    expect(page.locator(".dsw-SectionList")).to_contain_text("x" * 200)


def test_the_status_bar_warns_and_tells_of_kills(
    page: Page, lab: Server, control: StandInControl
) -> None:
    control.progress = {"state": "Saved"}
    shown = dict(METRICS)

    def answer(route: Route) -> None:
        route.fulfill(json=shown)

    page.route("**/dsw/api/metrics*", answer)
    open_lab(page, lab)
    status = page.locator(".dsw-ResourceStatus")
    expect(status).to_have_text("CPU 12 %Memory 1 / 4 GiB")
    expect(status.locator(".dsw-mod-warning")).to_have_count(0)
    gpu = {"index": 0, "name": "A100", "utilization": 30, "memory_used": 1, "memory_total": 2}
    shown.update(memory_used=3.9 * GIB, oom_kills=1, gpus=[gpu])
    expect(status).to_contain_text("GPU 30 %", timeout=15_000)
    expect(status.locator(".dsw-mod-warning")).to_have_text("Memory 3.9 / 4 GiB")
    assert "GPU 0 (A100): 30 %" in (status.get_attribute("title") or "")
    expect(notification(page, "A process was killed: out of memory")).to_be_visible()


def test_a_clone_is_shown_and_its_end_is_told_once(
    page: Page, lab: Server, control: StandInControl
) -> None:
    control.progress = {"state": "Saved"}
    shown = {"state": "Cloning", "directory": "model", "percent": 40, "message": "", "ended_at": ""}
    page.route("**/dsw/api/code*", lambda route: route.fulfill(json=shown))
    open_lab(page, lab)
    expect(notification(page, "Cloning the code into model: 40 %")).to_be_visible()
    failed = {"state": "Failed", "message": "Remote branch x not found.", "ended_at": "noon"}
    shown.update(failed)
    expect(notification(page, "Remote branch x not found.")).to_be_visible()
    expect(notification(page, "Cloning")).to_have_count(0)
    with page.expect_response("**/dsw/api/code*"):
        page.reload()
    expect(page.locator("#jupyterlab-splash")).to_have_count(0, timeout=60_000)
    expect(notification(page, "Remote branch")).to_have_count(0)
