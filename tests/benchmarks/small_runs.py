"""A benchmark run small: its figures, and that nothing of it stays in the engine."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.workbenches import docker

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class SmallRun:
    """What the last line of a benchmark said; `pid` is part of the names of what it made."""

    pid: int
    figures: dict[str, Any]


def small_run(name: str) -> SmallRun:
    """Run `benchmarks/NAME.py --quick` to its end. When the test is stopped, so is it."""
    benchmark = subprocess.Popen(
        [sys.executable, ROOT / "benchmarks" / f"{name}.py", "--quick"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        output, _ = benchmark.communicate()
    finally:
        benchmark.terminate()
        benchmark.wait(120)
    assert benchmark.returncode == 0, output
    return SmallRun(benchmark.pid, json.loads(output.splitlines()[-1]))


def assert_nothing_left(installation: str) -> None:
    """No container and no network of an installation is there."""
    label = f"label=dsw.installation={installation}"
    assert docker("ps", "--all", "--quiet", "--filter", label) == ""
    assert docker("network", "ls", "--quiet", "--filter", label) == ""
