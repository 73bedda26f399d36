"""This project's wheel: made from the checkout when its sources changed, kept in `dist/`."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from dsw._version import __version__
from dsw.errors import DswError, Invalid
from dsw.images_build.catalog import CERTIFICATES, Catalog

_FILES = ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE")
_FOLDERS = (
    "core/dsw",
    "spawners/dsw_spawners",
    "services/dsw_control",
    "agent/dsw_agent",
    "extensions",
    "images",
)


def project_wheel(catalog: Catalog, given: Path | None) -> Path:
    """The wheel that goes into images: the one given, or the checkout's, built when it is old."""
    if given is not None:
        if given.suffix != ".whl" or not given.is_file():
            raise Invalid(f"{given} is not a wheel.", "Name a file that ends in .whl.")
        return given
    if catalog.checkout is None:
        raise Invalid(
            "This installation has no checkout to make the project's wheel from.",
            "Name the wheel that it was installed from with --wheel.",
        )
    return _of_checkout(catalog.checkout)


def _of_checkout(checkout: Path) -> Path:
    _run([sys.executable, "scripts/build-js", "--if-changed"], checkout)
    dist = checkout / "dist"
    stamp = dist / ".wheel-sources"
    sources = _digest(checkout)
    wheels = list(dist.glob(f"jupyterhub_dsw-{__version__}-*.whl"))
    if len(wheels) == 1 and stamp.is_file() and stamp.read_text() == sources:
        return wheels[0]
    dist.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=dist) as scratch:
        _run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", scratch], checkout)
        (made,) = Path(scratch).glob("*.whl")
        stamp.unlink(missing_ok=True)
        wheel = made.replace(dist / made.name)
    stamp.write_text(sources)
    return wheel


def _digest(checkout: Path) -> str:
    total = hashlib.sha256()
    for path in _sources(checkout):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{path.relative_to(checkout)}\0{content}\n".encode())
    return total.hexdigest()


def _sources(checkout: Path) -> Iterator[Path]:
    yield from (checkout / name for name in _FILES)
    for folder in _FOLDERS:
        for parent, folders, files in os.walk(checkout / folder):
            folders[:] = sorted(set(folders) - {"__pycache__", "node_modules", CERTIFICATES})
            yield from (Path(parent, name) for name in sorted(files))


def _run(command: list[str], checkout: Path) -> None:
    done = subprocess.run(
        command, cwd=checkout, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-40:])
        raise DswError(f"The project's wheel could not be made:\n\n{said}\n")
