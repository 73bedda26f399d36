"""The benchmark of control, run small on both databases."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_the_benchmark_measures_control_and_ends_with_its_figures(database: str) -> None:
    benchmark = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "control.py", "--quick", "--database", database],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert benchmark.returncode == 0, benchmark.stderr
    figures = json.loads(benchmark.stdout.splitlines()[-1])
    assert figures.pop("database") == database
    assert set(figures) == {"list_p95_ms", "get_p95_ms", "admissions_per_s"}
    assert 0 < figures["get_p95_ms"] < 5_000
    assert 0 < figures["list_p95_ms"] < 5_000
    assert 0.1 < figures["admissions_per_s"] < 10_000
