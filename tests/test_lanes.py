"""Tests that share something stay in one process."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from tests.lanes import ON_ITS_OWN, WITH_A_BED, lane_of

CHAIN = Path(__file__).parent / "chain"


def asks_for(module: str, *fixtures: str) -> bool:
    """Whether a test or a fixture of a module of the chain has such an argument."""
    tree = ast.parse((CHAIN / f"test_{module}.py").read_text())
    asked = {
        argument.arg
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        and (function.name.startswith("test_") or "fixture" in map(_last_name, _marks(function)))
        for argument in function.args.args
    }
    return not asked.isdisjoint(fixtures)


def _marks(function: ast.FunctionDef) -> list[ast.expr]:
    return [mark.func if isinstance(mark, ast.Call) else mark for mark in function.decorator_list]


def _last_name(mark: ast.expr) -> str:
    return mark.attr if isinstance(mark, ast.Attribute) else ""


@pytest.mark.parametrize("module", sorted(ON_ITS_OWN))
def test_modules_on_their_own_share_no_workbench(module: str) -> None:
    assert not asks_for(module, "workbench", "data", "alice", "bob", "bed", "the_bed")


@pytest.mark.parametrize("module", sorted(WITH_A_BED))
def test_modules_with_a_bed_share_no_other_workbench(module: str) -> None:
    assert not asks_for(module, "workbench", "data", "alice", "bob")


def test_everybody_else_who_needs_the_bed_has_the_engine_to_themselves() -> None:
    modules = {path.stem.removeprefix("test_") for path in CHAIN.glob("test_*.py")}
    for module in modules - WITH_A_BED:
        if asks_for(module, "bed", "the_bed"):
            assert "pytest.mark.alone" in (CHAIN / f"test_{module}.py").read_text(), module


def test_a_package_is_one_lane_and_modules_of_the_chain_may_be_others() -> None:
    assert lane_of("tests/dsw_agent/test_a.py::test_x") == lane_of("tests/dsw_agent/test_b.py::y")
    chain = lane_of("tests/chain/test_privacy.py::test_x[a::b]")
    assert chain == lane_of("tests/chain/test_queue.py::test_y")
    bed, own = (
        lane_of("tests/chain/test_snapshot_faults.py::z"),
        lane_of("tests/chain/test_apply.py"),
    )
    assert len({chain, bed, own}) == 3
