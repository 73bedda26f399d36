"""The image that the others start from: the one asked for, or a Debian made without a registry."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from dsw.errors import EngineFailed, Unavailable
from dsw.images_build.engine import ImageMissing, image_id, pull

DEFAULT = "debian:bookworm-slim"
SUITE = "bookworm"
OWN = f"jupyterhub-dsw/debian:{SUITE}"
# What Debian's own slim images leave out.
_SLIM = (
    "path-exclude=/usr/share/doc/*",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/man/*",
    "path-include=/usr/share/doc/*/copyright",
)


def find_base(asked: str, say: Callable[[str], None]) -> tuple[str, str]:
    """Reference and id of a local base image.

    That is `asked`, pulled where needed, or for the default a Debian of our own where no registry
    gives it.
    """
    for reference in (asked, OWN) if asked == DEFAULT else (asked,):
        if found := image_id(reference):
            return reference, found
    say(f"Pulling {asked}")
    try:
        pull(asked)
    except ImageMissing as error:
        if asked != DEFAULT:
            raise ImageMissing(
                error.message, "Name one that is here or can be pulled with --base-image."
            ) from error
        say(f"No registry gives {asked}; making it from Debian's packages")
        _make()
        asked = OWN
    return asked, image_id(asked) or ""


def _make() -> None:
    _need_mmdebstrap()
    with tempfile.TemporaryDirectory(prefix="dsw-debian-") as folder:
        archive = Path(folder) / "debian.tar"
        command = ["mmdebstrap", "--quiet", "--variant=minbase"]
        command += [f"--dpkgopt={option}" for option in _SLIM]
        _run([*command, SUITE, str(archive)], f"Debian {SUITE} could not be made")
        _run(
            ["docker", "import", "--change", 'CMD ["bash"]', str(archive), OWN],
            "The container engine did not take the new Debian",
        )


def _need_mmdebstrap() -> None:
    if shutil.which("mmdebstrap"):
        return
    if os.geteuid() or not shutil.which("apt-get"):
        raise Unavailable(
            f"No registry gives {DEFAULT}, and `mmdebstrap`, which could make it, is missing.",
            "Install the package `mmdebstrap`, or name an image that is here with --base-image.",
        )
    _run(["apt-get", "update"], "The package lists could not be had")
    _run(
        [
            "apt-get",
            "install",
            "--yes",
            "--no-install-recommends",
            "mmdebstrap",
            "debian-archive-keyring",
        ],
        "The package `mmdebstrap` could not be installed",
    )


def _run(command: list[str], failure: str) -> None:
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise EngineFailed(f"{failure}: {last}")
