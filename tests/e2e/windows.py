"""Browser windows, and the evidence of what they showed when a test failed."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from playwright.sync_api import (
    Browser,
    BrowserContext,
    Error,
    FloatRect,
    Locator,
    Page,
    ViewportSize,
)

PATIENCE_MS = 60_000
"""For what a user waits for; other work on the machine makes everything slower."""

START_MS = 120_000
"""For a start, or for what is built or loaded on the way."""

SIZE = 1280, 800

RECORDER = """
(() => {
  let last = "";
  const look = () => {
    const text = document.querySelector(%r)?.innerText.trim() ?? "";
    if (text && text !== last) window.%s((last = text));
  };
  const everything = { subtree: true, childList: true, attributes: true, characterData: true };
  new MutationObserver(look).observe(document, everything);
})()
"""

RELOADER = """
addEventListener("error", ({ target }) => {
  if (!(target instanceof HTMLScriptElement)) return;
  // One that the server does not have is no accident.
  const [entry] = performance.getEntriesByName(target.src);
  if (!entry?.responseStatus) location.reload();
}, true);
"""
"""What a user does whose page stays blank. Chromium drops what it is loading when a network
interface comes or goes, and each container that starts on this host brings one. VS Code always asks
for `vsda.js`, which only Microsoft's own build has."""


class Windows:
    """The windows of one test. Each `open` is another person's browser: nothing is shared."""

    def __init__(self, chromium: Browser) -> None:
        self._chromium = chromium
        self._opened: list[tuple[BrowserContext, list[str]]] = []

    def open(self, **options: Any) -> Page:
        """A window in which nobody is logged in; `options` as a browser's context has them."""
        width, height = SIZE
        viewport = ViewportSize(width=width, height=height)
        context = self._chromium.new_context(viewport=viewport, **options)
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(RELOADER)
        log: list[str] = []
        context.on("console", lambda said: log.append(f"{said.type}: {said.text}"))
        context.on("weberror", lambda thrown: log.append(f"thrown: {thrown.error}"))
        self._opened.append((context, log))
        return context.new_page()

    def keep_evidence(self, folder: Path) -> None:
        """A picture of every page, and what each window's pages wrote to their console."""
        folder.mkdir(parents=True, exist_ok=True)
        for number, (context, log) in enumerate(self._opened, 1):
            pages = [page.url for page in context.pages]
            (folder / f"window-{number}.log").write_text("\n".join([*pages, "", *log, ""]))
            for at, page in enumerate(context.pages, 1):
                # A page that is gone or hangs must not hide why the test failed.
                with contextlib.suppress(Error):
                    page.screenshot(path=folder / f"window-{number}-page-{at}.png", timeout=5000)

    def close(self) -> None:
        """Close all windows."""
        for context, _ in self._opened:
            context.close()


class Picture:
    """Takes pictures of pages into a folder, or none."""

    def __init__(self, folder: str | None) -> None:
        self._folder = folder

    def __call__(
        self, page: Page, name: str, height: int = SIZE[1], once: Locator | None = None
    ) -> None:
        """Keep the upper part of what the page shows, as soon as `once` is to be seen."""
        if self._folder:
            if once is not None:
                once.wait_for()
            clip = FloatRect(x=0, y=0, width=SIZE[0], height=height)
            path = Path(self._folder) / f"{name}.png"
            page.screenshot(path=path, clip=clip, animations="disabled")


def record(page: Page, selector: str) -> list[str]:
    """A list that grows with each text that the element shows from now on, over reloads too."""
    seen: list[str] = []
    name = f"tell{abs(hash(selector))}"

    def tell(text: str) -> None:
        seen.append(text)

    page.expose_function(name, tell)
    script = RECORDER % (selector, name)
    page.add_init_script(script)
    page.evaluate(script)
    return seen
