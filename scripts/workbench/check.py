"""`scripts/check`: every check that needs no running part, all of them before the verdict."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from workbench import node
from workbench.arguments import DEFAULT_DATA, ROOT
from workbench.steps import Steps
from workbench.venv import VENV

PACKAGES = (
    "dsw",
    "dsw_spawners",
    "dsw_control",
    "dsw_agent",
    "dsw_gateway",
    "dsw_server",
    "workbench",
)
JAVASCRIPT = (ROOT / "services" / "console", ROOT / "labextension")


@dataclass(frozen=True)
class Check:
    """One command that ends with 0 when all is well."""

    title: str
    command: list[str]
    folder: Path = field(default=ROOT)


def main(arguments: argparse.Namespace) -> int:
    """Run all checks; 1 when one of them failed."""
    steps = Steps(DEFAULT_DATA / "logs" / "up.log")
    with steps.step("Node") as step:
        node.ensure_node(step)
    return run(checks())


def checks() -> list[Check]:
    """The checks, the quick ones first."""
    tools = VENV / "bin"
    packages = [part for name in PACKAGES for part in ("-p", name)]
    found = [
        Check("Lint", [f"{tools}/ruff", "check", "--quiet"]),
        Check("Format", [f"{tools}/ruff", "format", "--check", "--quiet"]),
        Check("Layers", [f"{tools}/lint-imports", "--no-cache"]),
        Check("Types", [f"{tools}/mypy", "--no-error-summary", *packages]),
    ]
    for folder in JAVASCRIPT:
        if not (folder / "node_modules").exists():
            found.append(Check(f"Install {folder.name}", ["npm", "ci"], folder))
        found.append(
            Check(f"Types {folder.name}", ["npx", "--no-install", "tsc", "--noEmit"], folder)
        )
    return [*found, Check("Types of the API", [sys.executable, "-m", "workbench.api_types"])]


def run(todo: list[Check]) -> int:
    """Print a line for each check and the output of those that failed."""
    failed = []
    for check in todo:
        begun = time.monotonic()
        print(f"{check.title:<18} ", end="", flush=True)
        done = subprocess.run(
            check.command,
            cwd=check.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        verdict = "failed" if done.returncode else "passed"
        print(f"{verdict:<58} {time.monotonic() - begun:6.1f} s", flush=True)
        if done.returncode:
            failed.append(check.title)
            print(done.stdout + done.stderr, flush=True)
    if failed:
        sys.stderr.write(f"Failed: {', '.join(failed)}.\n")
    return 1 if failed else 0
