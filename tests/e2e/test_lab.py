"""What the Lab extension offers, in an instance."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect
from tests.e2e.console_page import Console
from tests.e2e.lab_page import Terminal
from tests.e2e.windows import START_MS, Picture
from tests.polling import eventually
from tests.workbenches import TestBench, User

pytestmark = [pytest.mark.e2e, pytest.mark.docker]


def test_an_instance_is_watched_and_saved_from_lab(
    workbench: TestBench, console: Console, admin: User, picture: Picture
) -> None:
    item = admin.running(display_name="Lab", image=admin.image("base"), spec="small")
    lab = console.open_terminal("lab")
    terminal = Terminal(lab.page)
    expect(lab.page).not_to_have_url(re.compile("dsw="))
    expect(lab.status).to_have_text(re.compile(r"CPU \d+ %Memory 0\.\d / 2 GiB"))
    terminal.run("quick", "sudo touch /opt/from-a-terminal")
    read = ["sh", "-c", "cat .quick.code || true"]
    eventually(lambda: workbench.execute(item, *read), START_MS / 1000, every=0.3)

    # Lab's layout is kept for this instance alone, a moment after it changed.
    layouts = ["sh", "-c", f"ls .jupyter/lab/workspaces/{item['id']} || true"]
    assert eventually(lambda: workbench.execute(item, *layouts), START_MS / 1000, every=0.3)

    lab.page.get_by_role("menuitem", name="File", exact=True).click()
    lab.page.get_by_role("menuitem", name="Save as Image…").click()
    expect(lab.page.get_by_label("Name", exact=True)).to_have_value(re.compile("^Lab 20"))
    forecast = lab.page.get_by_role("status", name="What will be saved")
    expect(forecast).to_contain_text("to save.", timeout=START_MS)
    expect(forecast).to_contain_text("/opt")
    picture(lab.page, "save-as-image")
    lab.page.get_by_label("Name", exact=True).fill("from lab")
    lab.page.get_by_role("button", name="Save", exact=True).click()
    saved = lab.page.locator(".Toastify__toast", has_text="Saved as image “from lab”")
    expect(saved).to_be_visible(timeout=START_MS)

    notebook = lab.new_notebook()
    output = notebook.start("import dsw\ndsw.snapshot('from a notebook', mode='live')")
    expect(output).to_contain_text("Saved as image “from a notebook”", timeout=START_MS)

    with lab.page.expect_popup() as popup:
        saved.get_by_role("button", name="Open the console").click()
    again = Console(popup.value, workbench.url)
    again.view("Images")
    expect(again.page.get_by_role("row", name="from lab")).to_contain_text("Snapshot")
    expect(again.page.get_by_role("row", name="from a notebook")).to_contain_text("Snapshot")
    again.view("Snapshots")
    expect(again.page.get_by_role("row", name="from lab")).to_contain_text("Lab")
