"""The benchmark of starts, run small; and what makes starts quick."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.workbenches import docker

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.docker


@pytest.mark.timeout(600)
def test_the_benchmark_measures_both_and_leaves_nothing_behind() -> None:
    benchmark = subprocess.Popen(
        [sys.executable, ROOT / "benchmarks" / "start.py", "--quick"],
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
    figures = json.loads(output.splitlines()[-1])
    assert 0 < figures["api_ready_s"] < figures["first_cell_s"] < 120
    assert 0 < figures["api_ready_ratio"] < 3
    assert 0 < figures["first_cell_ratio"] < 3
    for installation in (f"b{benchmark.pid}", f"p{benchmark.pid}"):
        label = f"label=dsw.installation={installation}"
        assert docker("ps", "--all", "--quiet", "--filter", label) == ""
        assert docker("network", "ls", "--quiet", "--filter", label) == ""


@pytest.mark.parametrize("image", ["base", "minimal"])
def test_a_server_starts_without_the_slow_packages(image: str) -> None:
    code = (
        "import sys, jupyterhub.singleuser, dsw_server.app;"
        "print([name for name in ('lark', 'pydantic') if name in sys.modules])"
    )
    command = ["--rm", "--entrypoint", "python", f"jupyterhub-dsw/{image}:latest", "-c", code]
    assert docker("run", *command) == "[]\n"
