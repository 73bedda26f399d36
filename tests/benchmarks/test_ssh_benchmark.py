"""The benchmark of SSH, run small."""

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
def test_the_benchmark_measures_both_roads_and_leaves_nothing_behind(minimal_image: str) -> None:
    benchmark = subprocess.Popen(
        [sys.executable, ROOT / "benchmarks" / "ssh.py", "--quick"],
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
    # A busy machine makes them vary; what would be wrong in any case is an order of magnitude.
    assert 0.1 < figures["proxy_command_ratio"] < 5
    assert 0.1 < figures["gateway_ratio"] < 5
    assert 0 < figures["direct_rtt_ms"] < 100
    assert 0 < figures["rtt_ms"] < 100
    label = f"label=dsw.installation=s{benchmark.pid}"
    assert docker("ps", "--all", "--quiet", "--filter", label) == ""
    assert docker("network", "ls", "--quiet", "--filter", label) == ""
