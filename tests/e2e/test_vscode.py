"""VS Code in the browser, through the hub's proxy, in an instance of the image `base`."""

from __future__ import annotations

import base64
import json
import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Request, expect
from tests.e2e.console_page import Console
from tests.e2e.vscode_page import VsCode
from tests.e2e.windows import START_MS, Picture
from tests.polling import eventually
from tests.vsix import TITLE, vsix
from tests.workbenches import TestBench, User

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.timeout(900)]

SETTINGS = "/mnt/workspace/.local/share/code-server/User/settings.json"
PROGRAM = "from statistics import mean\n\n\ndef score(values):\n    return round(mean(values), 2)"
CHANGES = {
    "workbench.colorTheme": "Dark 2026",
    "editor.autoIndent": "none",
    "editor.autoClosingBrackets": "never",
    # Else the terminal's text is a picture.
    "terminal.integrated.gpuAcceleration": "off",
}


def test_people_work_in_vs_code_and_find_it_as_they_left_it(
    workbench: TestBench, console: Console, admin: User, picture: Picture
) -> None:
    item = admin.running(display_name="Code", image=admin.image("base"), spec="small")
    workbench.execute(item, "sh", "-c", "mkdir -p src && echo 'print(1)' > src/old.py")
    lab = console.open_lab("code")
    asked = requests_of(lab.page)
    with lab.page.expect_popup() as popup:
        lab.launch("Notebook", "VS Code")
    code = VsCode(popup.value)
    assert code.page.url == f"{workbench.url}{item['url']}vscode/?folder=/mnt/workspace"

    change_settings(workbench, item, code)
    edit_a_file(workbench, item, code)
    use_the_terminal(workbench, item, code, picture)
    expect(code.extension(TITLE)).to_be_visible()
    expect(code.page.get_by_role("alert").filter(has_text=re.compile("error", re.I))).to_have_count(
        0
    )
    elsewhere = {host for host in asked if host != urlsplit(workbench.url).netloc}
    assert not elsewhere, "nothing is asked of the internet"

    admin.http.post(f"instances/{item['id']}/stop")
    admin.wait(item["id"], "Stopped")
    admin.http.post(f"instances/{item['id']}/start")
    admin.wait(item["id"], "Running", "Failed")
    code.page.goto(f"{workbench.url}{item['url']}vscode/")
    code = VsCode(code.page)
    expect(code.workbench).to_have_class(re.compile(r"\bvs-dark\b"))
    expect(code.extension(TITLE)).to_be_visible()


def requests_of(page: Page) -> set[str]:
    """The hosts that the page's window asks from now on."""
    hosts: set[str] = set()

    def note(request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in ("http", "https", "ws", "wss"):
            hosts.add(address.netloc)

    page.context.on("request", note)
    return hosts


def change_settings(workbench: TestBench, item: Any, code: VsCode) -> None:
    """In the file that the first start wrote, from the palette."""
    seeded = json.loads(workbench.execute(item, "cat", SETTINGS))
    assert seeded["telemetry.telemetryLevel"] == "off"
    code.open_settings()
    code.write(json.dumps(seeded | CHANGES))
    expect(code.workbench).to_have_class(re.compile(r"\bvs-dark\b"))
    eventually(lambda: json.loads(workbench.execute(item, "cat", SETTINGS)) == seeded | CHANGES)
    code.close_settings()


def edit_a_file(workbench: TestBench, item: Any, code: VsCode) -> None:
    """One that was there, and what is on the disk then."""
    code.files.get_by_role("treeitem", name="src", exact=True).click()
    code.open_file("old.py")
    code.write(PROGRAM)
    read = ["cat", "src/old.py"]
    eventually(lambda: workbench.execute(item, *read).strip() == PROGRAM)


def use_the_terminal(workbench: TestBench, item: Any, code: VsCode, picture: Picture) -> None:
    """A command's output, Python from the environment, an extension from a file."""
    code.open_terminal()
    code.type("cd src && python -c 'from old import score; print(\"score\", score([3, 4, 4]))'")
    expect(code.terminal).to_contain_text("score 3.67")
    code.type("which python")
    expect(code.terminal).to_contain_text("/opt/venv/bin/python")
    picture(code.page, "vscode")
    code.type("echo $VSCODE_PROXY_URI")
    expect(code.terminal).to_contain_text(f"{workbench.url}{item['url']}proxy/{{{{port}}}}/")
    content = base64.b64encode(vsix()).decode()
    workbench.execute(item, "sh", "-c", f"echo {content} | base64 --decode > tiny.vsix")
    code.type("clear && code-server --install-extension ../tiny.vsix")
    expect(code.terminal).to_contain_text("successfully installed", timeout=START_MS)
