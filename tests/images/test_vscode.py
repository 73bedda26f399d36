"""VS Code in the base image: how it starts, what it keeps, and where extensions come from."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.images.builds import EXTRA_CA, attempt, run
from tests.images.layers import layers_with, names_in_layers
from tests.polling import eventually
from tests.vsix import ID, VERSION, a_gallery, vsix

from dsw.apps import APP_LABEL, App
from dsw.images_build import find_catalog

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

PINS = find_catalog().folder / "base" / "code-server"
LARGEST = 1_000_000_000
SOCKET = "/tmp/private/socket"
DATA = "/mnt/workspace/.local/share/code-server"
HARDENED = ("--cap-drop=ALL", "--security-opt=no-new-privileges", "--read-only")
ANSWER_SECONDS = 60


class Container:
    """A running container of the image with a home of its own, as an instance's engine makes it."""

    def __init__(self, image: str, *options: str) -> None:
        tmpfs = ("--tmpfs=/tmp", "--tmpfs=/mnt/workspace:uid=1000,gid=1000")
        starting = ["docker", "run", "--detach", "--rm", *HARDENED, *tmpfs, *options]
        self.id = subprocess.check_output(
            [*starting, image, "sleep", "infinity"], text=True
        ).strip()

    def run(self, command: str, given: bytes = b"") -> str:
        """What a line for the shell prints; errors too."""
        calling = [
            "docker",
            "exec",
            "--interactive",
            self.id,
            "bash",
            "-c",
            f"{{ {command}; }} 2>&1",
        ]
        done = subprocess.run(calling, input=given, capture_output=True, check=False)
        return done.stdout.decode().strip()

    def open(self, app: App) -> str:
        """Start the app as a server would; the head of its first answer."""
        words = " ".join(word.format(unix_socket=SOCKET) for word in app.command)
        self.run(f"mkdir -p -m 700 {SOCKET.rpartition('/')[0]}")
        subprocess.run(["docker", "exec", "--detach", self.id, *words.split()], check=True)
        asking = f"curl --silent --head --unix-socket {SOCKET} http://localhost/"
        return eventually(lambda: self.run(asking), ANSWER_SECONDS)

    def close(self) -> None:
        """End what `open` started."""
        self.run("pkill -f [c]ode-server; true")
        eventually(lambda: not self.run("pgrep -f [c]ode-server"), ANSWER_SECONDS)

    def extensions(self) -> list[str]:
        """As `code-server` in a terminal lists them."""
        return self.run("code-server --list-extensions --show-versions").splitlines()


@pytest.fixture
def start(base: str) -> Iterator[Callable[..., Container]]:
    """Starts containers of the base image; without options they have no network."""
    started: list[Container] = []

    def start(*options: str) -> Container:
        started.append(Container(base, *(options or ("--network=none",))))
        return started[-1]

    yield start
    for container in started:
        subprocess.run(["docker", "rm", "-f", container.id], check=True, capture_output=True)


@pytest.fixture(scope="module")
def app(base: str) -> App:
    """The app that the image declares."""
    label = f'{{{{index .Config.Labels "{APP_LABEL}vscode"}}}}'
    inspecting = ["docker", "image", "inspect", "--format", label, base]
    return App(name="vscode", **json.loads(subprocess.check_output(inspecting)))


def test_the_pinned_version_is_there(base: str) -> None:
    pinned = json.loads((PINS / "package.json").read_text())["dependencies"]["code-server"]
    assert run(base, "code-server", "--version").split()[0] == pinned
    assert tuple(map(int, pinned.split("."))) >= (4, 99, 4)


def test_every_package_is_locked_with_its_hash() -> None:
    packages = json.loads((PINS / "package-lock.json").read_text())["packages"]
    assert len(packages) > 100
    assert [name for name, one in packages.items() if name and "integrity" not in one] == []
    assert [name for name, one in packages.items() if "resolved" in one] == []


def test_the_image_stays_small(base: str) -> None:
    inspecting = ["docker", "image", "inspect", "--format", "{{.Size}}", base]
    assert int(subprocess.check_output(inspecting)) < LARGEST


def test_minimal_has_none(minimal: str) -> None:
    assert attempt(minimal, "sh", "-c", "test -e /opt/code-server || which code-server").returncode


def test_nothing_of_the_build_is_left(base: str, tmp_path: Path) -> None:
    needle = EXTRA_CA.read_bytes().splitlines()[5]
    assert layers_with(base, needle, tmp_path) == []
    names = names_in_layers(base, tmp_path)
    assert "opt/code-server/config.yaml" in names
    leftovers = (".npmrc", "pip.conf", "bundle.pem", ".npm")
    assert [name for name in names if name.rpartition("/")[2] in leftovers] == []
    telling = ["docker", "history", "--no-trunc", "--format={{.CreatedBy}}", base]
    told = subprocess.check_output(telling, text=True)
    assert "LABEL dsw.app.vscode" in told
    assert [word for word in ("NPM_CONFIG", "PIP_INDEX", "PIP_CERT") if word in told] == []


def test_its_files_belong_to_root(base: str) -> None:
    wrong = ["(", "-not", "-user", "root", "-o", "-perm", "/022", ")", "-not", "-type", "l"]
    assert run(base, "find", "/opt/code-server", "/usr/local/bin/code-server", *wrong) == ""


def test_it_starts_without_any_right_and_opens_the_home(
    start: Callable[..., Container], app: App
) -> None:
    assert app.unix_socket
    container = start()
    answer = container.open(app)
    assert answer.startswith("HTTP/1.1 302")
    assert "Location: ./?folder=/mnt/workspace" in answer
    assert container.run(f"stat -c %a {SOCKET}") == "600"
    assert container.run("ss --listening --tcp --no-header") == ""


def test_settings_are_seeded_once_and_then_the_users_own(
    start: Callable[..., Container], app: App
) -> None:
    container = start()
    container.open(app)
    settings = f"{DATA}/User/settings.json"
    seeded = json.loads(container.run(f"cat {settings}"))
    assert seeded["chat.disableAIFeatures"] is True
    assert seeded["telemetry.telemetryLevel"] == "off"
    assert container.run(seeded["python.defaultInterpreterPath"] + " -c 'print(1)'") == "1"
    container.close()
    container.run(f"""echo '{{"editor.fontSize": 20}}' > {settings}""")
    container.open(app)
    assert json.loads(container.run(f"cat {settings}")) == {"editor.fontSize": 20}


def test_two_instances_share_settings_and_extensions_and_no_socket(
    start: Callable[..., Container], app: App, tmp_path: Path
) -> None:
    tmp_path.chmod(0o777)
    options = ("--network=none", f"--volume={tmp_path}:{DATA.removesuffix('/code-server')}")
    one, other = start(*options), start(*options)
    try:
        one.open(app)
        assert other.open(app).startswith("HTTP/1.1 302")
        one.run("cat > /tmp/tiny.vsix", vsix())
        assert "successfully installed" in one.run("code-server --install-extension /tmp/tiny.vsix")
        assert other.extensions() == [f"{ID}@{VERSION}"]
        assert one.run(f"find {DATA} -type s") == ""
    finally:
        # Its files are another user's, who only the container is.
        one.run(f"rm -rf {DATA}")


def test_files_in_the_home_are_installed_once(start: Callable[..., Container], app: App) -> None:
    container = start()
    container.run("mkdir ~/.vsix && cat > ~/.vsix/tiny.vsix", vsix())
    container.open(app)
    eventually(lambda: container.extensions() == [f"{ID}@{VERSION}"], ANSWER_SECONDS)
    container.run(f"code-server --uninstall-extension {ID}")
    container.close()
    container.open(app)
    eventually(lambda: not container.run("pgrep -f [v]scode.extensions"), ANSWER_SECONDS)
    assert container.extensions() == []


def test_without_a_registry_the_terminal_says_so(start: Callable[..., Container]) -> None:
    container = start()
    said = container.run("code-server --install-extension ms-python.python; echo exit $?")
    assert "No extension gallery service configured" in said
    assert said.endswith("exit 1")


def test_with_a_registry_its_extensions_come_by_themselves(
    start: Callable[..., Container], app: App
) -> None:
    with a_gallery() as address:
        asked = f"--env=DSW_VSCODE_EXTENSIONS={ID},no.such"
        container = start("--network=host", f"--env=DSW_VSCODE_GALLERY={address}", asked)
        assert container.open(app).startswith("HTTP/1.1 302")
        eventually(lambda: container.extensions() == [f"{ID}@{VERSION}"], ANSWER_SECONDS)
        container.run(f"code-server --uninstall-extension {ID}")
        said = container.run(f"code-server --install-extension {ID}")
        assert f"Extension '{ID}' v{VERSION} was successfully installed." in said
        remembered = container.run(f"cat {DATA}/dsw-extensions.json")
        assert json.loads(remembered) == [ID], "what could not be had is tried again"
