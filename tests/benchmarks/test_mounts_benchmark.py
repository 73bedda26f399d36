"""The benchmark of mounts, run small."""

from __future__ import annotations

import pytest
from tests.benchmarks.small_runs import assert_nothing_left, small_run
from tests.workbenches import mounted_below, shared_folder

pytestmark = pytest.mark.docker


@pytest.mark.timeout(600)
def test_the_benchmark_measures_both_kinds_and_leaves_nothing_behind(minimal_image: str) -> None:
    run = small_run("mounts")
    assert 0 < run.figures["bind_mount_s"] < 60
    assert 0 < run.figures["s3_mount_s"] < 60
    # A busy machine makes them vary; what would be wrong in any case is an order of magnitude.
    for key in ("read_ratio", "stat_ratio", "s3_read_ratio", "s3_again_ratio"):
        assert 0.05 < run.figures[key] < 20, key
    assert_nothing_left(f"m{run.pid}")
    assert mounted_below(shared_folder(f"m{run.pid}")) == []
    assert not shared_folder(f"m{run.pid}").exists()
