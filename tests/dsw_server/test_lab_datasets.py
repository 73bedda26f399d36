"""The dataset panel of the built Lab extension in a real JupyterLab, in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.data_control import DEGRADED, MOUNTED, MOUNTING, OTHER, dataset, mount

from .conftest import Server, StandInControl, open_lab

pytestmark = pytest.mark.e2e

MARKUP = "<img src=x onerror=alert(1)>"


def open_panel(page: Page) -> Locator:
    """The panel in the left sidebar."""
    page.get_by_role("tab", name="Datasets", exact=True).click()
    panel = page.get_by_role("region", name="Datasets", exact=True)
    expect(panel).to_be_visible()
    return panel


def test_a_dataset_is_found_browsed_mounted_and_unmounted(
    page: Page, lab: Server, control: StandInControl
) -> None:
    control.progress = {"state": "Saved"}
    data = control.data
    data.datasets.append(dataset("census", OTHER, kind="nas", writable=False, description=MARKUP))
    open_lab(page, lab)
    panel = open_panel(page)
    expect(panel).to_contain_text("Nothing is mounted.")

    panel.get_by_label("Filter datasets").fill("nas")
    listed = panel.get_by_role("list", name="Datasets", exact=True)
    imagenet = listed.get_by_role("button", name="imagenet s3, v3")
    expect(imagenet).to_have_count(0)
    census = listed.get_by_role("button", name="census nas, v3")
    census.press("Enter")
    expect(census).to_have_attribute("aria-expanded", "true")
    expect(census).to_be_focused()
    expect(panel.get_by_role("group", name="census")).to_contain_text(MARKUP)
    expect(panel.get_by_label("Access")).to_have_count(0)

    panel.get_by_label("Filter datasets").fill("")
    imagenet.click()
    panel.get_by_role("button", name="Preview labels.csv").press("Enter")
    preview = panel.get_by_role("region", name="Preview of labels.csv")
    expect(preview.get_by_role("cell", name="<b>dog</b>")).to_be_visible()
    panel.get_by_role("button", name="Open the folder train").press("Enter")
    expect(preview).to_have_count(0)
    files = panel.get_by_role("list", name="Files of imagenet").get_by_role("listitem")
    expect(files).to_have_count(100)
    panel.get_by_role("button", name="Show more").click()
    expect(files).to_have_count(200)
    panel.get_by_role("navigation", name="Folder").get_by_role("button", name="imagenet").click()
    expect(files).to_have_count(2)

    data.steps = [dict(MOUNTING)]
    panel.get_by_label("Access").select_option("rw")
    panel.get_by_label("Keep for the next start").check()
    panel.get_by_role("button", name="Mount imagenet").click()
    mounts = panel.get_by_role("list", name="Mounts")
    expect(mounts).to_contain_text("Mounting 40 %")
    expect(mounts.get_by_role("progressbar", name="Mounting imagenet")).to_be_visible()
    data.steps = [dict(MOUNTED)]
    expect(mounts).to_contain_text("version 3, read and write, kept for the next start")
    expect(mounts).to_contain_text("/mnt/dynamic/imagenet")
    expect(panel.get_by_role("button", name="Mount imagenet", exact=True)).to_have_count(0)

    data.holders = [{"pid": 7, "command": MARKUP}]
    mounts.get_by_role("button", name="Unmount imagenet", exact=True).click()
    expect(mounts.get_by_role("alert")).to_contain_text(f"in use by {MARKUP} (7)")
    mounts.get_by_role("button", name="Unmount imagenet all the same").click()
    expect(panel).to_contain_text("Nothing is mounted.")
    assert panel.locator("img").count() == 0


def test_a_notebook_has_a_browser_that_works_with_the_keyboard(
    page: Page, lab: Server, control: StandInControl
) -> None:
    from tests.e2e.lab_page import Lab

    control.progress = {"state": "Saved"}
    data = control.data
    open_lab(page, lab)
    output = (
        Lab(page)
        .new_notebook()
        .start("from dsw_server.widgets import DatasetBrowser\nDatasetBrowser()")
    )
    listed = output.get_by_label("Datasets")
    expect(listed).to_be_visible(timeout=60_000)
    listed.focus()
    page.keyboard.press("ArrowDown")
    expect(output).to_contain_text("Pictures with labels")
    # They come a moment later.
    expect(output.get_by_role("option", name=re.compile("^labels.csv"))).to_be_attached()
    output.get_by_label("Files").press("ArrowDown")
    output.get_by_role("button", name="Open").press("Enter")
    expect(output.get_by_role("cell", name="<b>dog</b>")).to_be_visible()
    output.get_by_label("Files").press("ArrowUp")
    output.get_by_role("button", name="Open").press("Enter")
    expect(output).to_contain_text("imagenet/train")
    data.steps = [dict(MOUNTING)]
    output.get_by_role("button", name="Mount", exact=True).press("Enter")
    expect(output).to_contain_text("Mounting “imagenet”: 40 %. Starting the source.")
    data.steps = [dict(MOUNTED)]
    expect(output).to_contain_text("is mounted read-only at /mnt/dynamic/imagenet.")
    output.get_by_role("button", name="Unmount", exact=True).click()
    expect(output).to_contain_text("It is not mounted.")


def test_a_mount_that_lost_its_source_is_shown_and_its_path_can_be_copied(
    page: Page, lab: Server, control: StandInControl
) -> None:
    control.progress = {"state": "Saved"}
    control.data.mounts = [mount(), mount("old", kind="static", target="/mnt/data/old", **DEGRADED)]
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_lab(page, lab)
    panel = open_panel(page)
    old = panel.get_by_role("list", name="Mounts").get_by_role("listitem").nth(1)
    expect(old.get_by_role("status")).to_have_text("Degraded")
    expect(old).to_contain_text("No answer from nas1. It is tried again.")
    expect(old.get_by_role("button", name=re.compile("Unmount"))).to_have_count(0)
    old.get_by_role("button", name="Copy the path of old").click()
    expect(page.locator(".Toastify__toast", has_text="Copied /mnt/data/old")).to_be_visible()
    control.data.mounts[1].update(state="Mounted", reason="", message="")
    expect(old.get_by_role("status")).to_have_text("Mounted", timeout=30_000)

    control.data.refusal = {"status": 503, "code": "unavailable", "detail": "It restarts."}
    panel.get_by_role("button", name="Refresh datasets and mounts").click()
    expect(panel.get_by_role("alert").first).to_have_text("It restarts.")
