"""The virtual environment: when it must be made, and what is installed in it.

Runs in the system's Python, with the standard library alone.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from workbench import apt
from workbench.arguments import ROOT
from workbench.steps import Step, Steps

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "jupyterhub-dsw-installed"
LOCK = ROOT / "requirements.lock"


def ensure(steps: Steps) -> None:
    """Make the environment and install this project into it, unless that is done already."""
    with steps.step("Python") as step, checkout_lock():
        if not _works():
            _make(steps, step)
        if STAMP.exists() and STAMP.read_text() == fingerprint():
            step.result = f"{_version()}, packages as locked"
            return
        _install(steps, step)
        step.result = f"{_version()}, packages installed as locked"


def fingerprint() -> str:
    """Changes with everything that decides what is installed, and with the checkout's place."""
    digest = hashlib.sha256(str(ROOT).encode())
    for path in (ROOT / "pyproject.toml", LOCK, ROOT / "hatch_build.py"):
        digest.update(path.read_bytes())
    return digest.hexdigest()


@contextmanager
def checkout_lock() -> Iterator[None]:
    """One set-up at a time in this checkout: two installations may share its environment."""
    folder = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _works() -> bool:
    probe = [str(PYTHON), "-c", "import sys, pip; sys.exit(sys.version_info < (3, 11))"]
    try:
        return subprocess.run(probe, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _make(steps: Steps, step: Step) -> None:
    if importlib.util.find_spec("ensurepip") is None:
        why = "Python's venv module is not complete here: ensurepip is missing."
        apt.install(steps, step, ["python3-venv"], why)
    steps.run(step, [sys.executable, "-m", "venv", "--clear", str(VENV)])


def _install(steps: Steps, step: Step) -> None:
    STAMP.unlink(missing_ok=True)
    pip = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check"]
    steps.run(step, [*pip, "--require-hashes", "-r", str(LOCK)])
    steps.run(step, [*pip, "--no-deps", "-e", str(ROOT)])
    STAMP.write_text(fingerprint())


def _version() -> str:
    command = [str(PYTHON), "-c", "import platform; print(platform.python_version())"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
