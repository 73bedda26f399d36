"""A workbench and a browser for the tests that do all as a user does it."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright
from tests.e2e.console_page import Console
from tests.e2e.windows import PATIENCE_MS, Picture, Windows
from tests.workbenches import TestBench, User

ARGUMENTS = (
    "--no-sandbox",
    "--headless=new",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
)
PLAYWRIGHTS_OWN_PATIENCE_MS = 5000
RUNNING_PER_USER = 2

APP = """
[[apps]]
name = "browse"
title = "Browse files"
command = ["python3", "-m", "http.server", "{port}", "--directory", "/mnt/workspace"]
"""

FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember a failure for the fixtures that end after it."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture(scope="session")
def workbench(minimal_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestBench]:
    """Started by `scripts/up` on the real engine, ended by `scripts/down`."""
    data = tmp_path_factory.mktemp("e2e-workbench")
    bench = TestBench(data, "e2e", extra=APP, instances=RUNNING_PER_USER)
    bench.up()
    yield bench
    bench.down()


# Not for the whole session: while it lives no other event loop can run in this thread.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The distribution's browser."""
    with sync_playwright() as playwright:
        expect.set_options(timeout=PATIENCE_MS)
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=list(ARGUMENTS)
        )
        yield browser
        browser.close()
        expect.set_options(timeout=PLAYWRIGHTS_OWN_PATIENCE_MS)


@pytest.fixture
def windows(chromium: Browser, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Windows]:
    """Opens browser windows; pictures and logs of a failed test go to $DSW_E2E_ARTIFACTS."""
    opened = Windows(chromium)
    yield opened
    if request.node.stash.get(FAILED, False):
        folder = Path(os.environ.get("DSW_E2E_ARTIFACTS") or tmp_path)
        opened.keep_evidence(folder / request.node.name)
    opened.close()


@pytest.fixture
def admin(workbench: TestBench) -> Iterator[User]:
    """The administrator over the API, for what is not seen; the instances are deleted after."""
    user = workbench.admin
    yield user
    for item in user.get("instances")["items"]:
        user.delete(item["id"])


@pytest.fixture
def console(workbench: TestBench, windows: Windows, admin: User) -> Console:
    """The console, with the administrator logged in."""
    page = Console(windows.open(), workbench.url)
    page.log_in(admin.name, workbench.admin_password)
    return page


@pytest.fixture
def picture() -> Picture:
    """Keeps pictures for the documentation in the folder $DSW_E2E_PICTURES, where it is set."""
    return Picture(os.environ.get("DSW_E2E_PICTURES"))
