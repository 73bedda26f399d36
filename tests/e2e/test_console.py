"""The console and the hub's own pages: the life of an instance, and who sees what."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect
from tests.e2e.accounts import PASSWORD
from tests.e2e.console_page import Console
from tests.e2e.windows import START_MS, Windows, record
from tests.workbenches import TestBench, User

pytestmark = [pytest.mark.e2e, pytest.mark.docker]


def test_an_instance_is_stopped_started_and_deleted(
    workbench: TestBench, console: Console, admin: User
) -> None:
    console.new_instance("Short lived", "tiny", "minimal")
    console.is_in("short-lived", "Running")
    console.press("short-lived", "Stop")
    console.is_in("short-lived", "Stopped")
    assert workbench.containers() == []
    console.press("short-lived", "Start")
    console.is_in("short-lived", "Running")
    assert len(workbench.containers()) == 1

    console.press("short-lived", "Delete")
    question = console.page.get_by_role("dialog", name="Delete “Short lived”?")
    expect(question).to_contain_text("What was installed or changed in its container is lost")
    question.get_by_role("button", name="Cancel").click()
    expect(question).to_have_count(0)
    console.is_in("short-lived", "Running")
    console.press("short-lived", "Delete")
    question.get_by_role("button", name="Delete").click()
    expect(console.row("short-lived")).to_have_count(0, timeout=START_MS)
    assert workbench.containers(every=True) == []


def test_a_start_that_cannot_be_is_refused_with_the_reason(console: Console, admin: User) -> None:
    console.new_instance("No card here", "gpu", "minimal")
    asked = console.page.get_by_role("alert")
    expect(asked).to_contain_text("1 GPU asked for, but at most 0 in resource group local.")
    console.page.get_by_label("Start it right away").uncheck()
    console.page.get_by_role("button", name="Create", exact=True).click()
    console.is_in("no-card-here", "Stopped")
    console.press("no-card-here", "Start")
    refusal = console.page.get_by_role("alert")
    expect(refusal).to_contain_text("“No card here” was not started")
    expect(refusal).to_contain_text("Take a smaller spec.")
    console.is_in("no-card-here", "Stopped")


def test_a_start_from_the_hubs_own_page_shows_its_phases_there(
    workbench: TestBench, console: Console, admin: User
) -> None:
    admin.create(name="by-hub", start=False)
    page = console.page
    shown = record(page, "#progress-message")
    page.goto(f"{workbench.url}/hub/spawn/admin/by-hub")
    expect(page).to_have_url(re.compile("/user/admin/by-hub/"), timeout=START_MS)
    phases = ["Admitted", "The image minimal is there", "waiting for its server to answer"]
    places = [next(at for at, text in enumerate(shown) if phase in text) for phase in phases]
    assert places == sorted(places)
    page.goto(workbench.url)
    console.is_in("by-hub", "Running")


def test_a_new_user_is_approved_and_sees_nothing_of_others(
    workbench: TestBench, console: Console, admin: User, windows: Windows
) -> None:
    private = admin.running(display_name="private")
    stranger = windows.open()
    stranger.goto(workbench.url)
    stranger.get_by_role("link", name="Ask for an account").click()
    stranger.get_by_label("Username").fill("carol")
    stranger.locator("#password_input").fill(PASSWORD)
    stranger.locator("#password_confirmation_input").fill(PASSWORD)
    stranger.get_by_role("button", name="Create User").click()
    expect(stranger.get_by_role("alert")).to_contain_text("Your information has been sent")
    carol = Console(stranger, workbench.url)
    stranger.goto(workbench.url)
    carol.fill_login("carol", PASSWORD)
    expect(stranger.get_by_text("Invalid username or password")).to_be_visible()

    console.page.goto(f"{workbench.url}/hub/authorize")
    console.page.locator("#carol").get_by_role("button", name="Authorize").click()
    expect(console.page.locator("#carol")).to_contain_text("Unauthorize")

    carol.log_in("carol", PASSWORD)
    expect(stranger.get_by_role("heading", name="No instance yet")).to_be_visible()
    answer = stranger.goto(f"{workbench.url}{private['url']}lab")
    assert answer is not None
    assert answer.status in (403, 404)
    expect(stranger.get_by_role("heading", name=re.compile("403|404"))).to_be_visible()
    assert "JupyterLab" not in stranger.content()


def test_who_logs_out_has_to_log_in_again(workbench: TestBench, console: Console) -> None:
    page = console.page
    page.get_by_role("button", name="Account of admin").click()
    page.get_by_role("menuitem", name="Log out").click()
    expect(page).to_have_url(re.compile("/hub/log(in|out)"))
    page.goto(f"{workbench.url}/services/dsw/")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    expect(page).to_have_url(re.compile("/hub/login"))
