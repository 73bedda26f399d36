"""Fixtures that tests of several packages share."""

from __future__ import annotations

import fcntl
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.postgresqls import a_server

DEBIAN_IMAGE = "dsw-test/debian:bookworm"


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
def postgresql() -> Iterator[str]:
    """URL, without a database, of a PostgreSQL server for all tests."""
    with a_server() as url:
        yield url
