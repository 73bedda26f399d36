"""The console and the hub's pages, as far as a user's way through the workbench leads."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect
from tests.e2e.lab_page import Lab
from tests.e2e.windows import START_MS


class Console:
    """One user's console in one window."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url

    def log_in(self, name: str, password: str) -> None:
        """From the workbench's address over the hub's page to the console."""
        self.page.goto(self.url)
        self.fill_login(name, password)
        expect(self.page.get_by_role("heading", name="Instances", exact=True)).to_be_visible()
        assert self.page.url.startswith(f"{self.url}/services/dsw/")

    def fill_login(self, name: str, password: str) -> None:
        """The hub's form."""
        self.page.get_by_label("Username").fill(name)
        self.page.get_by_label("Password:").fill(password)
        self.page.get_by_role("button", name="Sign in").click()

    def view(self, name: str) -> None:
        """One of the views in the header."""
        self.page.get_by_role("navigation", name="Views").get_by_role("link", name=name).click()

    def tab(self, name: str) -> None:
        """One of the tabs of the workspace or the platform."""
        self.page.get_by_role("tab", name=name, exact=True).click()

    def choose_workspace(self, name: str) -> None:
        """Another workspace in the header, by its title."""
        self.page.get_by_role("combobox", name="Workspace", exact=True).click()
        self.page.get_by_title(name, exact=True).click()

    def dialog(self, name: str) -> Locator:
        """The dialog with this title."""
        return self.page.get_by_role("dialog", name=name)

    def confirm(self, question: str, answer: str) -> None:
        """Answer a question; once more where the press was lost because it still opened."""
        asked = self.dialog(question)
        asked.get_by_role("button", name=answer).click()
        try:
            expect(asked).to_be_hidden(timeout=5_000)
        except AssertionError:
            asked.get_by_role("button", name=answer).click()
            expect(asked).to_be_hidden()

    def row(self, name: str) -> Locator:
        """An instance in the list, by its name in the address."""
        return self.page.get_by_test_id(f"instance-row-{name}")

    def is_in(self, name: str, state: str) -> None:
        """Wait until the page shows the instance in this state; one that failed stays so."""
        row = self.row(name)
        ended = re.compile(f"^({state}|Failed)$")
        expect(row).to_have_attribute("data-state", ended, timeout=START_MS)
        assert row.get_attribute("data-state") == state, row.inner_text()

    def press(self, name: str, button: str) -> None:
        """A button in an instance's row, in the tab that is brought to the front for it."""
        self.page.bring_to_front()
        self.row(name).get_by_role("button", name=button, exact=True).click()

    def new_instance(self, display_name: str, spec: str, image: str | None = None) -> None:
        """Open the form, fill it in and send it."""
        self.page.bring_to_front()
        self.page.get_by_role("button", name="New instance", exact=True).click()
        self.fill_instance(display_name, spec, image)

    def fill_instance(self, display_name: str, spec: str, image: str | None = None) -> None:
        """The open form; without an image the chosen one stays."""
        self.page.get_by_label("Display name").fill(display_name)
        if image is not None:
            self.page.get_by_role("radio", name=image, exact=True).check()
        self.page.get_by_role("radio", name=spec, exact=True).check()
        self.page.get_by_role("button", name="Create", exact=True).click()

    def open_lab(self, name: str) -> Lab:
        """The instance's JupyterLab, in a new tab."""
        with self.page.expect_popup() as popup:
            self.press(name, "Open")
        return Lab(popup.value)

    def open_terminal(self, name: str) -> Lab:
        """JupyterLab with a terminal, in a new tab."""
        with self.page.expect_popup() as popup:
            self.row(name).get_by_role("link", name="Terminal").click()
        return Lab(popup.value)
