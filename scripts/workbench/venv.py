"""The virtual environment: when it must be made, and what is installed in it.

Runs in the system's Python, with the standard library alone.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from workbench import apt
from workbench.arguments import ROOT
from workbench.steps import Step, Steps

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "jupyterhub-dsw.json"
LOCK = ROOT / "requirements.lock"


def ensure(steps: Steps, extras: Sequence[str]) -> None:
    """Make the environment and install this project into it, unless that is done already."""
    with steps.step("Python") as step, checkout_lock():
        made = not _works()
        if made:
            _make(steps, step)
        installed = _stamp()
        wanted = set(extras)
        if installed.get("fingerprint") == fingerprint() and wanted <= set(installed["extras"]):
            step.result = f"{_version()}, packages as they should be"
            return
        _install(steps, step, sorted(wanted | set(installed.get("extras", []))))
        step.result = f"{_version()}, packages installed in {VENV.name}"


def fingerprint() -> str:
    """Changes with everything that decides what is installed, and with the checkout's place."""
    digest = hashlib.sha256(str(ROOT).encode())
    for path in (ROOT / "pyproject.toml", LOCK, ROOT / "core/dsw/_version.py"):
        digest.update(path.read_bytes() if path.exists() else b"")
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


def _install(steps: Steps, step: Step, extras: Sequence[str]) -> None:
    STAMP.unlink(missing_ok=True)
    pip = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check"]
    project = f"{ROOT}[{','.join(extras)}]"
    if LOCK.exists():
        steps.run(step, [*pip, "--require-hashes", "-r", str(LOCK)])
        steps.run(step, [*pip, "--no-deps", "-e", project])
    else:
        steps.run(step, [*pip, "-e", project])
    STAMP.write_text(json.dumps({"fingerprint": fingerprint(), "extras": list(extras)}))


def _stamp() -> dict[str, str | list[str]]:
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def _version() -> str:
    command = [str(PYTHON), "-c", "import platform; print(platform.python_version())"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
