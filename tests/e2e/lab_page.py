"""JupyterLab as a user works in it."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect
from tests.e2e.windows import START_MS


class Lab:
    """One tab with JupyterLab."""

    def __init__(self, page: Page) -> None:
        self.page = page
        expect(self.status).to_contain_text("CPU", timeout=START_MS)
        expect(page.locator("#jupyterlab-splash")).to_have_count(0)

    @property
    def status(self) -> Locator:
        """Our item in the status bar."""
        return self.page.locator(".dsw-ResourceStatus")

    @property
    def files(self) -> Locator:
        """The list of the file browser."""
        return self.page.get_by_role("region", name="File Browser Section")

    def launch(self, category: str, label: str) -> None:
        """A card of the launcher, which is opened where it is not there."""
        cards = self.page.locator(f".jp-LauncherCard[data-category='{category}']:visible")
        plus = self.page.get_by_title("New Launcher")
        expect(cards.or_(plus).first).to_be_visible()
        if not cards.count():
            plus.first.click()
        cards.filter(has_text=label).click()

    def new_notebook(self) -> Notebook:
        """A new notebook whose kernel is ready."""
        self.launch("Notebook", "Python 3")
        return Notebook(self.page)

    def new_terminal(self) -> Terminal:
        """A new terminal that waits for a command."""
        self.launch("Other", "Terminal")
        return Terminal(self.page)


class Notebook:
    """The notebook in front."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._panel = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
        expect(page.locator("#jp-main-statusbar")).to_contain_text("| Idle", timeout=START_MS)

    def run(self, code: str) -> Locator:
        """Run it in the last cell; where its output is shown."""
        number = self._panel.locator(".jp-CodeCell").count()
        output = self.start(code)
        done = self._panel.locator(".jp-CodeCell").nth(number - 1)
        expect(done.locator(".jp-InputPrompt")).to_have_text(f"[{number}]:")
        return output

    def start(self, code: str) -> Locator:
        """As `run`, without waiting for its end."""
        cell = self._panel.locator(".jp-Notebook .jp-CodeCell").last
        number = self._panel.locator(".jp-CodeCell").count()
        cell.locator(".cm-content").click()
        self.page.keyboard.insert_text(code)
        self.page.keyboard.press("Shift+Enter")
        return self._panel.locator(".jp-CodeCell").nth(number - 1).locator(".jp-OutputArea")


class Terminal:
    """The terminal in front. Its shell has written its prompt, and with it the tab's title."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._panel = page.locator(".jp-Terminal:not(.lm-mod-hidden)")
        current = page.locator("#jp-main-dock-panel .lm-TabBar-tab.jp-mod-current")
        expect(current).to_contain_text("dsw@")

    def type(self, line: str) -> None:
        """Type a line and press Enter."""
        self._panel.locator(".xterm-helper-textarea").focus()
        self.page.keyboard.type(line)
        self.page.keyboard.press("Enter")

    def run(self, name: str, command: str) -> None:
        """Type a command; what it says goes to `.NAME.log`, too, its exit code to `.NAME.code`."""
        kept = f"2>&1 | tee .{name}.log; echo ${{PIPESTATUS[0]}} > .{name}.code"
        self.type(f"{{ {command}; }} {kept}")
