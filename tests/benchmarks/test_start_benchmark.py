"""The benchmark of starts, run small; and what makes starts quick."""

from __future__ import annotations

import pytest
from tests.benchmarks.small_runs import assert_nothing_left, small_run
from tests.workbenches import docker

pytestmark = pytest.mark.docker


@pytest.mark.timeout(600)
def test_the_benchmark_measures_both_and_leaves_nothing_behind() -> None:
    run = small_run("start")
    assert 0 < run.figures["api_ready_s"] < run.figures["first_cell_s"] < 120
    assert 0 < run.figures["api_ready_ratio"] < 3
    assert 0 < run.figures["first_cell_ratio"] < 3
    for installation in (f"b{run.pid}", f"p{run.pid}"):
        assert_nothing_left(installation)


@pytest.mark.parametrize("image", ["base", "minimal"])
def test_a_server_starts_without_the_slow_packages(image: str) -> None:
    code = (
        "import sys, jupyterhub.singleuser, dsw_server.app;"
        "print([name for name in ('lark', 'pydantic') if name in sys.modules])"
    )
    command = ["--rm", "--entrypoint", "python", f"jupyterhub-dsw/{image}:latest", "-c", code]
    assert docker("run", *command) == "[]\n"
