"""A dataset from the console: registered, filled, looked at, and mounted in a running instance."""

from __future__ import annotations

import pytest
from playwright.sync_api import FilePayload, Page, expect
from tests.e2e.console_page import Console
from tests.e2e.windows import START_MS, Picture
from tests.workbenches import TestBench, User

pytestmark = [pytest.mark.e2e, pytest.mark.docker]

TABLE = b"name,kind,age\nRex,dog,3\nMia,cat,5\nKoi,fish,1\n"


def test_a_dataset_is_registered_filled_looked_at_and_mounted(
    workbench: TestBench, console: Console, admin: User, picture: Picture
) -> None:
    item = admin.running(display_name="reader")
    page = console.page
    register(console)
    fill(page, picture)
    go_on(page)
    look(page)
    page.get_by_role("dialog", name="pets.csv").get_by_role("button", name="Close").click()

    page.goto(f"{workbench.url}/services/dsw/#/instances/{item['id']}")
    page.get_by_role("button", name="Mount a dataset").click()
    asked = console.dialog("Mount a dataset in “reader”")
    asked.get_by_label("Dataset").click()
    page.get_by_title("pets", exact=True).click()
    asked.get_by_role("button", name="Mount", exact=True).click()
    line = page.get_by_test_id("mount-pets")
    expect(line).to_have_attribute("data-state", "Mounted", timeout=START_MS)
    expect(line).to_contain_text("/mnt/dynamic/pets")
    assert workbench.execute(item, "cat", "/mnt/dynamic/pets/pets.csv") == TABLE.decode()

    line.get_by_role("button", name="Unmount").click()
    expect(line).to_have_count(0, timeout=START_MS)
    assert workbench.execute(item, "ls", "/mnt/dynamic") == ""


def register(console: Console) -> None:
    """A folder of its own, by the form."""
    console.view("Datasets")
    page = console.page
    page.get_by_role("button", name="Register a dataset").click()
    form = console.dialog("Register a dataset")
    form.get_by_label("Name", exact=True).fill("pets")
    form.get_by_label("Description (optional)").fill("Pets with their ages")
    form.get_by_label("Labels (optional)").fill("task=tables")
    form.get_by_role("button", name="Register").click()
    expect(page.get_by_text("Nothing is in this folder")).to_be_visible()


def fill(page: Page, picture: Picture) -> None:
    """Files by the button, and one that is taken replaced when that is agreed to."""
    send(page, "pets.csv", "notes.md")
    expect(page.get_by_test_id("upload")).to_have_count(2)
    for line in page.get_by_test_id("upload").all():
        expect(line).to_have_attribute("data-state", "done")
    send(page, "pets.csv")
    taken = page.get_by_test_id("upload").last
    expect(taken).to_have_attribute("data-state", "failed")
    picture(page, "datasets", 560, once=taken)
    page.get_by_role("button", name="Replace it").click()
    expect(taken).to_have_attribute("data-state", "done")
    for _ in range(3):
        page.get_by_role("button", name="Hide").first.click()
    expect(page.get_by_test_id("upload")).to_have_count(0)


def go_on(page: Page) -> None:
    """An upload that a reload of the page cut off, by choosing the same file again."""
    pieces = "**/datasets/uploads/*/content?*"
    page.route(pieces, lambda route: None)
    # Its first piece: by then the server knows of the upload.
    with page.expect_request(pieces):
        send(page, "slow.csv")
    line = page.get_by_test_id("upload")
    page.reload()
    expect(line).to_have_attribute("data-state", "interrupted")
    # Before the reload it would let the held piece go.
    page.unroute(pieces)
    again = "Choose the file to go on"
    send(page, "another.csv", button=again)
    expect(line.get_by_role("alert")).to_contain_text("Choose “slow.csv”")
    send(page, "slow.csv", button=again)
    expect(page.get_by_role("row", name="slow.csv")).to_be_visible()
    expect(line).to_have_attribute("data-state", "done")


def send(page: Page, *names: str, button: str = "Upload") -> None:
    """Choose files to upload."""
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name=button, exact=True).click()
    chooser.value.set_files(
        [FilePayload(name=name, mimeType="text/plain", buffer=TABLE) for name in names]
    )


def look(page: Page) -> None:
    """The table that the file is."""
    row = page.get_by_role("row", name="pets.csv")
    expect(row).to_contain_text(f"{len(TABLE)} B")
    row.get_by_role("button", name="pets.csv").click()
    preview = page.get_by_test_id("preview")
    expect(preview).to_have_attribute("data-kind", "table")
    expect(preview.get_by_role("cell", name="Koi")).to_be_visible()
