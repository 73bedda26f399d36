"""The benchmark of snapshots, run small."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.benchmarks.small_runs import assert_nothing_left, small_run
from tests.workbenches import docker

pytestmark = pytest.mark.docker

KEYS = {"wall_ratio", "cpu_ratio", "frozen_s", "node_disk_bytes", "delta_s"}


@pytest.mark.timeout(600)
def test_the_benchmark_measures_all_three_and_leaves_nothing_behind(minimal_image: str) -> None:
    run = small_run("snapshot")
    assert set(run.figures) == {"pip", "files", "blob", "delta_s", "runs"}
    for name in ("pip", "files", "blob"):
        each = run.figures[name]
        assert set(each) == KEYS
        # So little says nothing of how they compare, on a busy machine least of all.
        assert 0.01 < each["wall_ratio"] < 100
        assert 0.01 < each["cpu_ratio"] < 100
        assert 0 <= each["frozen_s"] < 10
        assert each["node_disk_bytes"] >= 0
        assert 0 < each["delta_s"] <= run.figures["delta_s"] < 60
    assert_nothing_left(f"n{run.pid}")
    assert "/committed" not in docker("image", "ls", "--format", "{{.Repository}}")
    assert not list(Path("/dev/shm").glob("dsw-benchmark-*/registry"))
