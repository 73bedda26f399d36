"""Fixtures that tests of several packages share."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from tests.lanes import Lanes
from tests.postgresqls import a_server
from tests.registries import RegistryServer
from xdist.scheduler import Scheduling

from workbench import certificates

DEBIAN_IMAGE = "dsw-test/debian:bookworm"

# As outside of production, but for what takes a minute to render: the variables of each frame.
_PLAIN = structlog.dev.ConsoleRenderer(
    colors=False, exception_formatter=structlog.dev.plain_traceback
)
structlog.configure(processors=[*structlog.get_config()["processors"][:-1], _PLAIN])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling | None:
    """With `--dist loadscope` processes get lanes; see `tests.lanes`."""
    return Lanes(config, log) if config.getvalue("dist") == "loadscope" else None


def _has_image(reference: str) -> bool:
    found = subprocess.run(
        ["docker", "image", "inspect", reference], capture_output=True, check=False
    )
    return found.returncode == 0


@pytest.fixture(scope="session")
def debian_image() -> str:
    """A minimal Debian 12 image, made once per machine from the distribution's packages."""
    lock = Path(tempfile.gettempdir()) / "dsw-test-debian-image.lock"
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if not _has_image(DEBIAN_IMAGE):
            _make_debian_image()
    return DEBIAN_IMAGE


def _make_debian_image() -> None:
    path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    importing = ["docker", "import", "--change", f"ENV {path}", "--change", "CMD bash", "-"]
    with tempfile.TemporaryFile() as archive:
        subprocess.run(
            ["mmdebstrap", "--quiet", "--variant=minbase", "bookworm", "-"],
            stdout=archive,
            check=True,
        )
        archive.seek(0)
        subprocess.run([*importing, DEBIAN_IMAGE], stdin=archive, check=True, capture_output=True)


@pytest.fixture(scope="session")
def minimal_image() -> str:
    """The id of `images/minimal`, as its sources are now."""
    return _built("minimal")


@pytest.fixture(scope="session")
def base_image() -> str:
    """The id of `images/base`, as its sources are now."""
    return _built("base")


def _built(name: str) -> str:
    """Built by one process at a time: the others then find that it is there."""
    with (Path(tempfile.gettempdir()) / "dsw-test-images.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _build(name)


def _build(name: str) -> str:
    command = [sys.executable, "-m", "dsw.cli.main", "images", "build", name]
    if ca_file := certificates.extra(os.environ):
        command += ["--ca-file", ca_file]
    subprocess.run(command, check=True)
    inspect = ["docker", "image", "inspect", "--format", "{{.Id}}", f"jupyterhub-dsw/{name}:latest"]
    return subprocess.run(inspect, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """URL, without a database, of a PostgreSQL server for all tests."""
    with a_server() as url:
        yield url


@pytest.fixture
def start_registry(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Starts registries on loopback; answers `127.0.0.1:port`."""
    with registries(tmp_path) as start:
        yield start


@contextmanager
def registries(parent: Path) -> Iterator[Callable[..., str]]:
    """A function that starts registries, which end with the block."""
    with ExitStack() as stack:

        def start(auth: str = "") -> str:
            folder = Path(tempfile.mkdtemp(prefix="registry-", dir=parent))
            registry = RegistryServer(folder, auth)
            stack.callback(registry.stop)
            registry.start()
            return registry.address

        yield start
