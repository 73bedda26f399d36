"""VS Code in the browser as a user works in it."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect
from tests.e2e.windows import START_MS


class VsCode:
    """One tab with VS Code."""

    def __init__(self, page: Page) -> None:
        self.page = page
        expect(self.files).to_be_visible(timeout=START_MS)

    @property
    def files(self) -> Locator:
        """The tree of files."""
        return self.page.get_by_role("tree", name="Files Explorer")

    @property
    def workbench(self) -> Locator:
        """All of it; its class tells the theme."""
        return self.page.locator(".monaco-workbench").first

    def command(self, title: str) -> None:
        """A command of the palette."""
        self.page.keyboard.press("F1")
        asked = self.page.locator(".quick-input-widget input[type=text]")
        expect(asked).to_be_focused()
        asked.fill(f">{title}")
        self.page.locator(".quick-input-list").get_by_role("option", name=title).first.click()

    def open_file(self, name: str) -> None:
        """A file of the tree, in an editor that has the focus."""
        self.files.get_by_role("treeitem", name=name, exact=True).dblclick()
        self._focus(name)

    def open_settings(self) -> None:
        """The user's settings as a file."""
        self.command("Preferences: Open User Settings (JSON)")
        self._focus("settings.json")

    def close_settings(self) -> None:
        """Back to the editors behind them."""
        self.page.get_by_role("dialog").get_by_role("button", name="Close").first.click()
        expect(self.page.get_by_role("dialog")).to_have_count(0)

    def write(self, text: str) -> None:
        """Replace all of the editor in front, and save it."""
        self.page.keyboard.press("Control+A")
        self.page.keyboard.insert_text(text)
        # The brackets that it closed by itself.
        self.page.keyboard.press("Control+Shift+End")
        self.page.keyboard.press("Delete")
        self.page.keyboard.press("Control+S")

    def open_terminal(self) -> None:
        """A terminal whose shell waits for a command."""
        self.command("Terminal: Create New Terminal")
        expect(self.terminal).to_contain_text("dsw@")

    @property
    def terminal(self) -> Locator:
        """The rows of the terminal in front, where they are drawn as text."""
        return self.page.locator(".terminal-wrapper.active .xterm-rows")

    def type(self, line: str) -> None:
        """A line in the terminal, and Enter."""
        self.page.locator(".terminal-wrapper.active .xterm-helper-textarea").focus()
        self.page.keyboard.type(line)
        self.page.keyboard.press("Enter")

    def extension(self, title: str) -> Locator:
        """An installed extension in the list."""
        self.command("View: Show Extensions")
        return self.page.locator(".extensions-viewlet .monaco-list-row", has_text=title)

    def _focus(self, name: str) -> None:
        editor = self.page.locator(f".monaco-editor[data-uri$='/{name}']")
        editor.locator(".view-lines").click()
        expect(editor).to_have_class(re.compile(r"\bfocused\b"))
