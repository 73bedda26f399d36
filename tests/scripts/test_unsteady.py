"""Tests for running a failed test once more."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from workbench import unsteady

ONCE = """
from pathlib import Path

def test_steady():
    ran = Path("steady")
    assert not ran.exists(), "runs once only"
    ran.touch()

def test_once():
    ran = Path("ran")
    first = not ran.exists()
    ran.touch()
    assert not first
"""


def run(folder: Path, text: str, capfd: pytest.CaptureFixture[str]) -> tuple[int, str]:
    (folder / "test_it.py").write_text(text)
    code = unsteady.run(["-q", "-p", "no:randomly"], folder, os.environ)
    return code, capfd.readouterr().out


def test_a_test_that_passes_at_the_second_time_is_named(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, out = run(tmp_path, ONCE, capfd)
    assert code == 0
    assert "Unsteady, to be mended (failed, then passed): test_it.py::test_once" in out


def test_what_fails_twice_fails(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, out = run(tmp_path, "def test_bad():\n    assert False\n", capfd)
    assert code == 1
    assert "Once more, one by one: test_it.py::test_bad" in out
    assert "Unsteady" not in out


def test_many_failures_are_not_run_again(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    many = f"""
import pytest
@pytest.mark.parametrize("number", range({unsteady.MOST + 1}))
def test_bad(number):
    assert False
"""
    code, out = run(tmp_path, many, capfd)
    assert code == 1
    assert "Once more" not in out


@pytest.mark.parametrize("text", ["import nothing_like_this\n", "def broken(:\n"])
def test_what_cannot_even_be_collected_fails(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], text: str
) -> None:
    code, out = run(tmp_path, text, capfd)
    assert code == 2
    assert "Unsteady" not in out
