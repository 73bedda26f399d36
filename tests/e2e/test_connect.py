"""The ways into an instance as the console shows them: keys, commands, apps and ports."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Request, expect
from tests.e2e.accounts import PASSWORD, make_account
from tests.e2e.console_page import Console
from tests.e2e.vscode_page import VsCode
from tests.e2e.windows import START_MS, Picture, Windows
from tests.polling import eventually
from tests.workbenches import TestBench, User

import dsw.ssh_proxy

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.timeout(600)]


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """The private half of a new key pair; the public one lies beside it, ending in `.pub`."""
    file = tmp_path / "id_ed25519"
    make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "me@laptop", "-f", str(file)]
    subprocess.run(make, check=True)
    return file


@pytest.fixture
def no_keys(admin: User) -> Iterator[User]:
    """The administrator, whose keys of a test are taken away after."""
    yield admin
    for item in admin.get("ssh-keys")["items"]:
        admin.http.delete(f"ssh-keys/{item['id']}")


def public(key: Path) -> Path:
    return key.with_suffix(".pub")


def open_keys(console: Console) -> None:
    console.page.get_by_role("button", name="Account of").click()
    console.page.get_by_role("menuitem", name="SSH keys").click()
    expect(console.page.get_by_role("heading", name="SSH keys", exact=True)).to_be_visible()


def open_add(console: Console) -> Locator:
    console.page.get_by_role("button", name="Add a key").click()
    return console.dialog("Add an SSH key")


def connect(console: Console, name: str, tab: str) -> Locator:
    """One tab of the dialog that says how an instance is reached."""
    console.press(name, "Connect")
    dialog = console.page.get_by_role("dialog", name=re.compile("^Connect to"))
    dialog.get_by_role("tab", name=tab).click()
    return dialog


def test_a_key_is_added_by_its_file_and_removed(console: Console, no_keys: User, key: Path) -> None:
    open_keys(console)
    page = console.page
    expect(page.get_by_role("heading", name="No SSH key yet")).to_be_visible()
    expect(page.get_by_text("ssh-keygen -t ed25519")).to_be_visible()

    asked = open_add(console)
    asked.locator("input[type=file]").set_input_files(public(key))
    expect(asked.get_by_label("Public key")).to_have_value(public(key).read_text().strip())
    asked.get_by_role("button", name="Add", exact=True).click()
    row = page.get_by_role("row", name="me@laptop")
    shown = subprocess.run(
        ["ssh-keygen", "-l", "-f", public(key)], capture_output=True, text=True, check=True
    )
    expect(row).to_contain_text(shown.stdout.split()[1])
    expect(row).to_contain_text("never")

    asked = open_add(console)
    asked.get_by_label("Public key").fill(public(key).read_text())
    asked.get_by_label("Title").fill("Once more")
    asked.get_by_role("button", name="Add", exact=True).click()
    expect(asked.locator(".ant-form-item-explain-error")).to_contain_text("already")
    asked.get_by_role("button", name="Cancel").click()

    row.get_by_role("button", name="Remove").click()
    question = console.dialog("Remove the key “me@laptop”?")
    expect(question).to_contain_text("sessions that are open with it end within seconds")
    question.get_by_role("button", name="Remove").click()
    expect(page.get_by_role("heading", name="No SSH key yet")).to_be_visible()
    assert no_keys.get("ssh-keys")["items"] == []


def test_a_private_key_never_leaves_the_browser(console: Console, no_keys: User, key: Path) -> None:
    open_keys(console)
    sent: list[str] = []

    def note(request: Request) -> None:
        if request.method != "GET":
            sent.append(request.url)

    console.page.on("request", note)
    asked = open_add(console)
    asked.locator("input[type=file]").set_input_files(key)
    expect(asked.get_by_text("This is a private key.")).to_be_visible()
    expect(asked.get_by_label("Public key")).to_have_value("")
    asked.get_by_label("Public key").fill(public(key).read_text())
    expect(asked.get_by_text("This is a private key.")).to_have_count(0)
    asked.get_by_label("Public key").fill(key.read_text())
    expect(asked.get_by_text("This is a private key.")).to_be_visible()
    expect(asked.get_by_label("Public key")).to_have_value("")
    asked.get_by_label("Title").press("Enter")
    expect(asked.get_by_role("button", name="Add", exact=True)).to_be_disabled()
    assert sent == []


def test_the_shown_commands_start_a_stopped_instance_and_enter_it(
    workbench: TestBench,
    console: Console,
    no_keys: User,
    key: Path,
    tmp_path: Path,
    picture: Picture,
) -> None:
    no_keys.create(display_name="At rest", start=False)
    dialog = connect(console, "at-rest", "Terminal")
    expect(dialog.get_by_text("dsw ssh --start at-rest")).to_be_visible()
    expect(dialog).to_contain_text("It is not running.")
    dialog.get_by_role("link", name="add one first.").click()
    asked = open_add(console)
    asked.get_by_label("Public key").fill(public(key).read_text())
    asked.get_by_role("button", name="Add", exact=True).click()
    expect(console.page.get_by_role("row", name="me@laptop")).to_be_visible()

    console.view("Instances")
    dialog = connect(console, "at-rest", "Without dsw")
    expect(dialog.get_by_text("You have no SSH key here yet.")).to_have_count(0)
    with console.page.expect_download() as download:
        dialog.get_by_role("link", name="dsw-ssh-proxy.py").click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    assert file.name == "dsw-ssh-proxy.py"
    assert file.read_bytes() == Path(dsw.ssh_proxy.__file__).read_bytes()
    expect(dialog).to_contain_text(f"export DSW_URL={workbench.url}/")
    command = dialog.locator("pre", has_text="ProxyCommand").inner_text()
    assert run(command, key, no_keys) == "dsw"
    console.is_in("at-rest", "Running")
    dialog.get_by_role("tab", name="Terminal").click()
    expect(dialog.get_by_text("dsw ssh at-rest")).to_be_visible()
    [told] = known_fingerprints(key)
    expect(dialog).to_contain_text(told)
    picture(console.page, "connect", once=dialog.get_by_text(told))

    dialog.get_by_role("tab", name="Without dsw").click()
    assert run(dialog.locator("pre", has_text="ssh -J").inner_text(), key, no_keys) == "dsw"
    for fingerprint in known_fingerprints(key):
        expect(dialog.get_by_text(fingerprint).first).to_be_visible()
    assert len(known_fingerprints(key)) == 2, "the gateway's own is new, the instance's is not"
    console.page.keyboard.press("Escape")
    open_keys(console)
    expect(console.page.get_by_role("row", name="me@laptop")).to_contain_text("just now")


def run(command: str, key: Path, user: User) -> str:
    """What `id -un` says by a command of the dialog, in the folder with the downloaded file."""
    config = key.parent / "config"
    config.write_text(
        f"IdentityFile {key}\nIdentitiesOnly yes\nBatchMode yes\n"
        f"StrictHostKeyChecking accept-new\nUserKnownHostsFile {key.parent}/known_hosts\n"
    )
    done = subprocess.run(
        ["bash", "-c", f"{command.replace('ssh ', f'ssh -F {config} ', 1)} id -un"],
        cwd=key.parent,
        env={"PATH": "/usr/bin:/bin", "DSW_URL": user.workbench.url, "DSW_TOKEN": user.token},
        capture_output=True,
        text=True,
        check=False,
        timeout=START_MS / 1000,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def known_fingerprints(key: Path) -> set[str]:
    """Those of the host keys that the client has learned."""
    listing = ["ssh-keygen", "-l", "-f", str(key.parent / "known_hosts")]
    lines = subprocess.run(listing, capture_output=True, text=True, check=True).stdout.splitlines()
    return {line.split()[1] for line in lines}


def test_a_port_and_an_app_appear_and_open_while_the_instance_runs(
    console: Console, admin: User, picture: Picture
) -> None:
    item = admin.running(display_name="Serves")
    page = console.page
    page.get_by_role("link", name="Serves", exact=True).click()
    drawer = console.dialog("Serves")
    expect(drawer).to_contain_text("No port is open.")
    serve = "cd /mnt/workspace && echo from inside > hello.txt && exec python3 -m http.server 8123"
    admin.workbench.execute(item, "sh", "-c", f"({serve}) >/dev/null 2>&1 &")
    port = drawer.get_by_role("list", name="Open ports").get_by_role("link", name="Port 8123")
    expect(port).to_be_visible()
    expect(drawer.get_by_role("list", name="Open ports")).to_contain_text("python3")
    picture(page, "apps-and-ports", once=port)
    with page.expect_popup() as popup:
        port.click()
    expect(popup.value.get_by_role("link", name="hello.txt")).to_be_visible()

    drawer.get_by_role("button", name="Apps").click()
    with page.expect_popup() as popup:
        page.get_by_role("menuitem", name="Browse files").click()
    expect(popup.value.get_by_role("link", name="hello.txt")).to_be_visible(timeout=START_MS)

    drawer.get_by_role("button", name="Stop", exact=True).click()
    expect(drawer).to_contain_text("They are shown while the instance runs.", timeout=START_MS)
    expect(drawer.get_by_role("button", name="Apps")).to_have_count(0)


def test_who_may_only_look_gets_no_way_in(
    workbench: TestBench, windows: Windows, admin: User
) -> None:
    make_account(workbench, "vera")
    visitor = workbench.user("vera")
    visitor.get("me")
    item = admin.running(display_name="To be seen")
    share = {"user": "vera", "access": "view"}
    assert admin.http.put(f"instances/{item['id']}/shares", json=share).status_code == 200
    page = windows.open()
    veras = Console(page, workbench.url)
    veras.log_in("vera", PASSWORD)
    row = veras.row("to-be-seen")
    expect(row).to_contain_text("view only")
    for name in ("Terminal", "Connect", "Apps", "VS Code"):
        expect(row.get_by_role("button", name=name, exact=True)).to_have_count(0)
    page.get_by_role("link", name="To be seen", exact=True).click()
    drawer = veras.dialog("To be seen")
    expect(drawer.get_by_text("Priority")).to_be_visible()
    expect(drawer.get_by_role("heading", name="Apps and ports")).to_have_count(0)
    expect(drawer.get_by_role("button", name="Connect")).to_have_count(0)


@pytest.mark.usefixtures("base_image")
def test_vs_code_is_told_of_an_image_and_opens_from_the_row(console: Console, admin: User) -> None:
    def offered() -> Any:
        found = [item for item in admin.get("images")["items"] if item["name"] == "base"]
        return found and found[0]["apps"] and found[0]["id"]

    image = eventually(offered, 60)
    console.view("Images")
    console.page.get_by_role("link", name="base", exact=True).click()
    apps = console.dialog("base").get_by_role("row", name="Apps")
    expect(apps).to_contain_text("VS Code")
    console.page.keyboard.press("Escape")
    console.view("Instances")
    admin.running(display_name="Edits", image=image, spec="small")
    button = console.row("edits").get_by_role("button", name="VS Code")
    with console.page.expect_popup() as popup:
        button.click()
    expect(VsCode(popup.value).workbench).to_be_visible()
    console.press("edits", "Stop")
    console.is_in("edits", "Stopped")
    expect(button).to_have_count(0)
