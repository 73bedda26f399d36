"""Workspaces in the console: members, the queue, quotas, and what one member sees of another's."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect
from tests.e2e.accounts import PASSWORD, make_account
from tests.e2e.console_page import Console
from tests.e2e.windows import Picture, Windows
from tests.workbenches import TestBench, User

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.timeout(600)]

GIB = 1024**3


@pytest.fixture(scope="module")
def ana(workbench: TestBench) -> User:
    """Somebody with an account, in the default workspace only."""
    make_account(workbench, "ana")
    user = workbench.user("ana")
    user.get("me")
    return user


@pytest.fixture
def anas_console(workbench: TestBench, windows: Windows, ana: User) -> Console:
    """Her console, in a browser of her own."""
    page = Console(windows.open(), workbench.url)
    page.log_in(ana.name, PASSWORD)
    return page


@pytest.fixture
def vision(admin: User) -> Iterator[str]:
    """The name of a workspace that a test may make; it is deleted after."""
    yield "vision-team"
    assert admin.http.delete("workspaces/vision-team").status_code in (204, 404)


def test_who_is_added_to_a_workspace_sees_it_and_who_is_removed_does_not(
    console: Console, anas_console: Console, vision: str, picture: Picture
) -> None:
    switcher = anas_console.page.get_by_role("combobox", name="Workspace", exact=True)
    expect(switcher).to_have_count(0)

    console.view("Platform")
    console.page.get_by_role("button", name="New workspace").click()
    asked = console.dialog("New workspace")
    asked.get_by_label("Title").fill("Vision team")
    expect(asked.get_by_label("Name", exact=True)).to_have_value(vision)
    asked.get_by_role("button", name="Create").click()
    console.page.get_by_role("button", name="Add a member").click()
    asked = console.dialog("Add a member")
    asked.get_by_label("User name").fill("ana")
    asked.get_by_role("checkbox", name=re.compile("^developer")).check()
    asked.get_by_role("button", name="Add", exact=True).click()
    member = console.page.get_by_test_id("member-row-ana")
    expect(member).to_contain_text("developer")
    picture(console.page, "workspace", 480)

    anas_console.choose_workspace("Vision team")
    anas_console.view("Workspace")
    expect(anas_console.page.get_by_role("heading", name="Vision team")).to_be_visible()
    expect(anas_console.page.get_by_role("tab", name="Audit")).to_have_count(0)
    anas_console.tab("Members")
    expect(anas_console.page.get_by_test_id("member-row-ana")).to_be_visible()
    expect(anas_console.page.get_by_role("button", name="Add a member")).to_have_count(0)

    member.get_by_role("button", name="Remove").click()
    question = console.dialog("Remove ana from “Vision team”?")
    expect(question).to_contain_text("their instances in it are stopped")
    question.get_by_role("button", name="Remove").click()
    expect(member).to_have_count(0)
    gone = anas_console.page.get_by_role("heading", name="There is no such workspace")
    expect(gone).to_be_visible()
    anas_console.view("Instances")
    expect(anas_console.page.get_by_role("heading", name="No instance yet")).to_be_visible()
    expect(switcher).to_have_count(0)


def test_who_waits_sees_the_place_and_starts_when_another_stops(
    console: Console, admin: User, picture: Picture
) -> None:
    for name in ("first", "second"):
        admin.running(name=name)
    console.is_in("second", "Running")
    for title in ("Waits", "Waits longer"):
        console.new_instance(title, "tiny", "minimal")
        console.is_in(title.lower().replace(" ", "-"), "Queuing")
    waits = console.row("waits")
    expect(waits).to_contain_text("Queuing, place 1")
    expect(waits).to_contain_text("Waits for 1 running instance for each member in local")
    expect(console.row("waits-longer")).to_contain_text("1 ahead")

    console.view("Queue")
    rows = console.page.get_by_test_id(re.compile("^queue-row-"))
    expect(rows).to_contain_text(["Waits", "Waits longer"])
    picture(console.page, "queue", 400)
    rows.last.get_by_role("button", name="Manage").click()
    console.page.get_by_role("menuitem", name="To the front").click()
    expect(rows).to_contain_text(["Waits longer", "Waits"])
    expect(console.page.get_by_role("menu")).to_have_count(0)
    rows.last.get_by_role("button", name="Manage").click()
    console.page.get_by_role("menuitem", name="Take out").click()
    console.confirm("Take “Waits” of admin out of the queue?", "Take out")
    expect(rows).to_have_count(1)

    console.view("Instances")
    console.is_in("waits", "Stopped")
    console.press("first", "Stop")
    console.is_in("waits-longer", "Running")


def test_an_image_that_is_shown_to_the_workspace_appears_to_its_members(
    console: Console, anas_console: Console, admin: User
) -> None:
    item = admin.running(display_name="With tools")
    started = admin.http.post(f"instances/{item['id']}/snapshots", json={"name": "Our tools"})
    assert started.status_code == 202, started.text
    console.view("Images")
    console.page.get_by_role("link", name="Our tools").click()
    details = console.dialog("Our tools")
    expect(details).to_contain_text("It has what an instance needs.")
    expect(details.get_by_role("list", name="Lineage")).to_contain_text("minimal")

    anas_console.view("Images")
    expect(anas_console.page.get_by_role("link", name="minimal")).to_be_visible()
    theirs = anas_console.page.get_by_role("link", name="Our tools")
    expect(theirs).to_have_count(0)
    details.get_by_role("button", name="Change", exact=True).click()
    asked = console.dialog("Change “Our tools”")
    asked.get_by_label("Visibility").click()
    console.page.get_by_title("Workspace", exact=True).click()
    asked.get_by_role("button", name="Change").click()
    expect(theirs).to_be_visible()
    row = anas_console.page.get_by_role("row", name="Our tools")
    expect(row.get_by_role("button", name="Delete")).to_have_count(0)
    expect(row.get_by_role("button", name="New instance from this image")).to_be_enabled()

    image = next(i for i in admin.get("images")["items"] if i["name"] == "Our tools")
    assert image["visibility"] == "workspace"
    assert admin.http.delete(f"images/{image['id']}").status_code == 204


def test_a_quota_is_changed_and_shown(console: Console, admin: User, vision: str) -> None:
    made = admin.http.post("workspaces", json={"name": vision, "display_name": "Vision team"})
    assert made.status_code == 201, made.text
    console.view("Platform")
    console.page.get_by_role("link", name="Vision team").click()
    console.tab("Quotas")
    card = console.page.get_by_role("region", name="Quota in local")
    expect(card).to_contain_text("0, no limit")
    card.get_by_role("button", name="Change").click()
    asked = console.dialog("Quota of “Vision team” in local")
    asked.get_by_label("The whole workspace: Instances").fill("6")
    asked.get_by_label("The whole workspace: Memory, GiB").fill("16")
    asked.get_by_role("combobox", name="Add a cap").click()
    console.page.get_by_title("Each guest").click()
    asked.get_by_label("Each guest: CPU").fill("0.5")
    asked.get_by_role("button", name="Change").click()
    expect(asked).to_have_count(0)
    expect(card.get_by_role("meter", name="Running instances")).to_have_attribute(
        "aria-valuetext", "0 of 6"
    )
    expect(card).to_contain_text("at most 0.5 CPU")
    quota = admin.get(f"workspaces/{vision}/quotas/local")["quota"]
    assert quota["limits"]["instances"] == 6
    assert quota["limits"]["memory"] == 16 * GIB
    assert quota["per_role"]["guest"]["cpu"] == 0.5
    assert quota["per_member"]["instances"] == 2
