"""How code-server is started, with a stand-in for it that says what it was called with."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dsw_server import vscode

NODE = """#!/bin/sh
echo "$@" >> "$CALLS"
env | grep -e '^EXTENSIONS_GALLERY=' -e '^CODE_SERVER_CONFIG=' -e '^VSCODE_PROXY_URI=' >> "$CALLS"
case "$*" in *bad*) exit 1 ;; esac
"""
MAIN = """
import sys
from pathlib import Path
from dsw_server.vscode import main
sys.exit(main(sys.argv[2:], Path(sys.argv[1])))
"""


class Place:
    """Where an image has code-server, and a user's home."""

    def __init__(self, root: Path, home: Path) -> None:
        self.root, self.home = root, home
        node = root / "node_modules" / "code-server" / "lib" / "node"
        node.parent.mkdir(parents=True)
        node.write_text(NODE)
        node.chmod(0o755)
        self.seed = root / "seed" / "User" / "settings.json"
        self.seed.parent.mkdir(parents=True)
        self.seed.write_text("{}")
        (root / "vsix").mkdir()
        self.files = home / vscode.FILES
        self.files.mkdir(parents=True)
        self.data = home / vscode.DATA
        self._calls = root / "calls"

    def main(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run it as a program of its own, because it becomes another."""
        own = {"HOME": str(self.home), "PATH": os.environ["PATH"], "CALLS": str(self._calls)}
        return subprocess.run(
            [sys.executable, "-c", MAIN, str(self.root), *arguments],
            env=own | variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def install(self, **variables: str) -> list[str]:
        """Install what is missing; what code-server was asked for."""
        self.data.mkdir(parents=True, exist_ok=True)
        self.main("extensions", **variables)
        asked = [line.partition("--install-extension ")[2] for line in self.calls()]
        self._calls.unlink(missing_ok=True)
        return [name for name in asked if name]

    def calls(self) -> list[str]:
        """What the stand-in was called with, and what of its environment matters."""
        return self._calls.read_text().splitlines() if self._calls.exists() else []


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "image", tmp_path / "home")


def test_without_a_registry_it_is_given_an_empty_one() -> None:
    assert vscode.environment({})["EXTENSIONS_GALLERY"] == "{}"


def test_all_addresses_of_a_registry_are_its_own() -> None:
    found = vscode.gallery('https://gallery.example.org/vs"code\\/')
    assert json.loads(json.dumps(found)) == found
    assert found["serviceUrl"] == 'https://gallery.example.org/vs"code\\/gallery'
    addresses = [address for address in found.values() if address]
    assert all(one.startswith("https://gallery.example.org/") for one in addresses)
    assert "{publisher}/{name}/{version}" in found["resourceUrlTemplate"]


def test_ports_lead_to_the_servers_own_way() -> None:
    found = vscode.environment({"JUPYTERHUB_SERVICE_PREFIX": "/user/ada/train/"})
    assert found["VSCODE_PROXY_URI"] == "/user/ada/train/proxy/{{port}}/"


def test_what_an_image_sets_itself_is_left_alone() -> None:
    found = vscode.environment({"EXTENSIONS_GALLERY": "mine", "DSW_VSCODE_GALLERY": "https://x"})
    assert "EXTENSIONS_GALLERY" not in found


def test_it_listens_on_the_socket_alone_and_opens_the_home(place: Place) -> None:
    assert place.main("open", "/run/private/socket").returncode == 0
    called = place.calls()[0].split()
    assert called[0].endswith("/code-server/out/node/entry.js")
    assert called[1:] == [
        *("--auth=none", "--socket=/run/private/socket", "--socket-mode=600"),
        *("--ignore-last-opened", str(place.home)),
    ]
    assert f"CODE_SERVER_CONFIG={place.root}/config.yaml" in place.calls()


def test_settings_are_seeded_where_there_are_none(place: Place) -> None:
    place.main("open", "/run/private/socket")
    settings = place.data / "User" / "settings.json"
    assert settings.read_text() == "{}"
    settings.write_text('{"mine": 1}')
    place.main("open", "/run/private/socket")
    assert settings.read_text() == '{"mine": 1}'


def test_a_home_that_cannot_be_written_does_not_keep_it_from_starting(place: Place) -> None:
    (place.home / ".local").write_text("no folder")
    assert place.main("open", "/run/private/socket").returncode == 0
    assert place.calls()


def test_the_command_hands_everything_on(place: Place) -> None:
    place.main("run", "open", "--version", "a b")
    assert place.calls()[0].endswith("entry.js open --version a b")


def test_an_image_without_it_is_said_in_a_sentence(place: Place, tmp_path: Path) -> None:
    place.root = tmp_path / "nowhere"
    done = place.main("run")
    assert done.returncode == 1
    assert done.stderr.startswith("dsw: code-server cannot be run: ")
    assert "Traceback" not in done.stderr


def test_a_wrong_call_is_told_how(place: Place) -> None:
    done = place.main("open")
    assert (done.returncode, done.stdout[:6]) == (2, "Usage:")


def test_files_of_image_and_home_are_installed_once(place: Place) -> None:
    for folder in (place.root / "vsix", place.files):
        (folder / "one.vsix").write_text(str(folder))
    (place.files / "notes.txt").touch()
    expected = [str(place.root / "vsix" / "one.vsix"), str(place.files / "one.vsix")]
    assert place.install() == expected
    assert place.install() == []


def test_a_newer_file_is_installed_again(place: Place) -> None:
    file = place.files / "one.vsix"
    file.write_text("old")
    place.install()
    file.write_text("newer")
    assert place.install() == [str(file)]


def test_the_registrys_extensions_are_asked_for_only_with_a_registry(place: Place) -> None:
    names = {"DSW_VSCODE_EXTENSIONS": "ms-python.python, a.b,"}
    assert place.install(**names) == []
    gallery = {"DSW_VSCODE_GALLERY": "https://gallery.example.org/vscode"}
    assert place.install(**names, **gallery) == ["ms-python.python", "a.b"]
    assert place.install(**names, **gallery) == []


def test_what_failed_is_tried_again_and_keeps_nothing_else_back(place: Place) -> None:
    for name in ("bad", "good"):
        (place.files / f"{name}.vsix").touch()
    assert len(place.install()) == 2
    assert place.install() == [str(place.files / "bad.vsix")]


def test_a_damaged_memory_is_a_new_one(place: Place) -> None:
    (place.files / "one.vsix").touch()
    place.install()
    (place.data / vscode.INSTALLED).write_text("{")
    assert len(place.install()) == 1


def test_two_instances_do_not_install_at_once(place: Place) -> None:
    (place.files / "one.vsix").touch()
    place.data.mkdir(parents=True)
    with (place.data / f".{vscode.INSTALLED}.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert place.install() == []
    assert len(place.install()) == 1
