"""The benchmark of SSH, run small."""

from __future__ import annotations

import pytest
from tests.benchmarks.small_runs import assert_nothing_left, small_run

pytestmark = pytest.mark.docker


@pytest.mark.timeout(600)
def test_the_benchmark_measures_both_roads_and_leaves_nothing_behind(minimal_image: str) -> None:
    run = small_run("ssh")
    # A busy machine makes them vary; what would be wrong in any case is an order of magnitude.
    assert 0.1 < run.figures["proxy_command_ratio"] < 5
    assert 0.1 < run.figures["gateway_ratio"] < 5
    assert 0 < run.figures["direct_rtt_ms"] < 100
    assert 0 < run.figures["rtt_ms"] < 100
    assert_nothing_left(f"s{run.pid}")
