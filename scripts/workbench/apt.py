"""Packages of the distribution: what only root may install, on Debian and Ubuntu."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from workbench.steps import Refused, Step, Steps

POLICY = Path("/usr/sbin/policy-rc.d")


def install(
    steps: Steps, step: Step, packages: Sequence[str], why: str, start_services: bool = True
) -> None:
    """Install packages; `Refused` with a sentence where that cannot be done from here."""
    names = " ".join(packages)
    if shutil.which("apt-get") is None:
        raise Refused(f"{why} Install {names} by this system's own means, then run again.")
    if os.geteuid() != 0:
        raise Refused(f"{why} Run as root: apt-get install {names}")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "install", "-y", *packages]
    with _services(start_services):
        try:
            steps.run(step, command, env=quiet)
        except Refused:
            # A fresh machine has no package lists, an old one has stale ones.
            steps.run(step, ["apt-get", "update"], env=quiet)
            steps.run(step, command, env=quiet)


@contextmanager
def _services(start: bool) -> Iterator[None]:
    """Keep packages from starting their services, by the means that Debian's policy gives."""
    ours = not start and not POLICY.exists()
    if ours:
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    try:
        yield
    finally:
        if ours:
            POLICY.unlink()
