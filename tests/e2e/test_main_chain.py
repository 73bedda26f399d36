"""From the login to an instance that starts from what was installed in another one."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from typing import Any

import pytest
from playwright.sync_api import expect
from tests.e2e.console_page import Console
from tests.e2e.windows import START_MS, Picture, record
from tests.polling import eventually
from tests.workbenches import TestBench, User, docker

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.timeout(900)]

FIRST, SECOND = "fraud-training", "next-of-it"
SAVED_AS = "Fraud toolkit"
PLANTED = "planted-before-the-saving"
INSTALL = "pip install cowsay && sudo apt-get update && sudo apt-get install --yes figlet"
CHANGE = (
    f"sudo rm /etc/debian_version && echo {PLANTED} > /opt/venv/planted "
    "&& head -c 200M /dev/urandom > /opt/venv/model.bin"
)
LOOK = (
    ("import cowsay; cowsay.cow('installed in the first')", "| installed in the first |"),
    ("!figlet next && echo figlet ran", "figlet ran"),
    ("!ls /etc/debian_version", "No such file"),
    ("!cat note.txt; echo from the second > answer.txt", "from the first"),
)
PHASES = ["Preparing", "Copying", "Paused for a moment", "Storing the image", "Saved"]
BYTES = re.compile(r"\d MiB of \d+")
CHUNK = 1 << 20


def test_what_is_installed_in_one_instance_is_there_in_the_next(
    workbench: TestBench, console: Console, admin: User, picture: Picture
) -> None:
    expect(console.page.get_by_role("heading", name="No instance yet")).to_be_visible()
    create_it(console)
    work_in_it(workbench, console, admin)
    save_it(console, picture)
    console.page.get_by_role("button", name="New instance from this image").click()
    console.fill_instance("Next of it", "small")
    waiting = console.row(SECOND).get_by_text("waiting for its server to answer")
    picture(console.page, "console", 480, once=waiting)
    console.is_in(SECOND, "Running")

    lab = console.open_lab(SECOND)
    notebook = lab.new_notebook()
    for code, output in LOOK:
        expect(notebook.run(code)).to_contain_text(output)
    picture(lab.page, "lab")
    first = instance(admin, FIRST)
    assert workbench.execute(first, "cat", "/mnt/workspace/answer.txt") == "from the second\n"
    no_secret_of_it_is_in_the_image(workbench, admin, first)
    its_report_is_shown(console)

    console.new_instance("One too many", "small", "base")
    console.is_in("one-too-many", "Queuing")
    waiting = console.row("one-too-many")
    expect(waiting).to_contain_text("Waits for 1 running instance for each member in local")


def create_it(console: Console) -> None:
    """From the console, with the phases of the start that the page shows."""
    shown = record(console.page, f"[data-testid=instance-row-{FIRST}] .state-cell")
    console.new_instance("Fraud training", "small", "base")
    console.is_in(FIRST, "Running")
    told = "\n".join(shown)
    assert "waiting for its server to answer" in told
    percents = [int(found) for found in re.findall(r"(\d+)%", told)]
    assert percents, told
    assert percents == sorted(percents), told


def work_in_it(workbench: TestBench, console: Console, admin: User) -> None:
    """A cell in a notebook, then packages and deletions in a terminal."""
    lab = console.open_lab(FIRST)
    notebook = lab.new_notebook()
    expect(notebook.run("print('six times seven is', 6 * 7)")).to_contain_text("is 42")
    notebook.run("!echo from the first > /mnt/workspace/note.txt")
    terminal = lab.new_terminal()
    for name, command in (("install", INSTALL), ("change", CHANGE)):
        terminal.run(name, command)
        read = ["sh", "-c", f"test -f .{name}.code && cat .{name}.log .{name}.code || true"]
        said = eventually(
            lambda read=read: workbench.execute(instance(admin, FIRST), *read),  # type: ignore[misc]
            START_MS / 1000,
            every=0.3,
        )
        assert said.splitlines()[-1] == "0", said


def save_it(console: Console, picture: Picture) -> None:
    """From the console, with the progress that the page shows."""
    console.press(FIRST, "Save as image")
    console.page.get_by_label("Image name").fill(SAVED_AS)
    forecast = console.page.get_by_test_id("forecast")
    expect(forecast).to_contain_text(re.compile(r"2\d\d\.\d MiB in [\d,]+ entries"))
    forecast.get_by_role("button", name="Packages").click()
    expect(forecast).to_contain_text("+ pip cowsay")
    expect(forecast).to_contain_text("+ apt figlet")
    shown = record(console.page, "[data-testid=snapshot-status]")
    console.page.get_by_role("button", name="Save image").click()
    status = console.page.get_by_test_id("snapshot-status")
    picture(console.page, "save-as-image", 480, once=status.get_by_text(BYTES))
    expect(status).to_have_attribute("data-state", re.compile("Saved|Failed"), timeout=START_MS)
    expect(status).to_have_attribute("data-state", "Saved")

    eventually(lambda: console.page.evaluate("0") == 0 and "Saved" in shown[-1])
    phases = [text.splitlines()[0] for text in shown]
    assert phases == sorted(phases, key=PHASES.index), shown
    assert {"Copying", "Saved"} <= set(phases), shown
    assert any(BYTES.search(text) for text in shown), shown
    percents = [int(found) for text in shown for found in re.findall(r"(\d+)%", text)]
    assert percents == sorted(percents), shown
    assert any(0 < percent < 100 for percent in percents), shown


def its_report_is_shown(console: Console) -> None:
    """What the image has beyond the one below it, among the images."""
    console.view("Images")
    console.page.get_by_role("link", name=SAVED_AS).click()
    report = console.page.get_by_test_id("image-report")
    expect(report).to_contain_text("the instance paused for 0.")
    report.get_by_role("button", name="Packages").click()
    report.get_by_role("searchbox", name="Search packages").fill("cowsay")
    expect(report.get_by_role("listitem")).to_have_count(1)
    with console.page.expect_download() as download:
        report.get_by_role("link", name="Package list").click()
    listed = json.loads(download.value.path().read_text())
    assert "cowsay" in {item["name"] for item in listed["components"]}
    console.page.get_by_role("button", name="Close").first.click()
    console.view("Instances")


def no_secret_of_it_is_in_the_image(workbench: TestBench, admin: User, first: Any) -> None:
    """Neither in its configuration, nor in its history, nor in any layer."""
    environment = json.loads(workbench.execute(first, "cat", "/run/dsw/environment"))
    secrets = [value for name, value in environment.items() if "TOKEN" in name]
    assert secrets
    image = admin.get(f"images/{instance(admin, SECOND)['image_id']}")
    assert image["name"] == SAVED_AS
    told = docker("image", "inspect", image["digest"])
    told += docker("history", "--no-trunc", image["digest"])
    assert not [secret for secret in secrets if secret in told]
    assert "JUPYTERHUB" not in told
    assert found_in(image["digest"], [*secrets, PLANTED]) == {PLANTED}


def instance(admin: User, name: str) -> Any:
    """What the API says of one of the administrator's instances."""
    return next(item for item in admin.get("instances")["items"] if item["name"] == name)


def found_in(image: str, texts: Sequence[str]) -> set[str]:
    """Which of the texts are anywhere in the saved image: layers come as they are unpacked."""
    found: set[str] = set()
    overlap = max(map(len, texts))
    tail = b""
    with subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as saving:
        assert saving.stdout is not None
        while chunk := saving.stdout.read(CHUNK):
            window = tail + chunk
            found |= {text for text in texts if text.encode() in window}
            tail = chunk[-overlap:]
    assert saving.returncode == 0
    return found
