"""Snapshots of a tree that changes all the time: what the layers make is what was there."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.dsw_agent.containers import a_container
from tests.dsw_agent.overlays import differences, tree

from dsw_agent import scan as scans

PATHS = st.sampled_from(["a", "b", "b/a", "b/b", "b/b/c", "c", "c/a", "e", "e/a", "f", "f/a"])


@pytest.fixture(autouse=True)
def _every_change_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are compared however young they are: what tests change shows without a clock."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    monkeypatch.setattr(scans, "GRANULARITY", -(10**18))


class Steps:
    """Changes of a tree, each of which shows in sizes, modes, times or names."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._count = itertools.count(1)

    def act(self, step: tuple[str, str, str]) -> None:
        """Make a change, if the tree is such that it can be made."""
        what, path, other = step
        try:
            getattr(self, what)(self._root / path, self._root / other)
        except OSError:
            return

    def write(self, path: Path, _: Path) -> None:
        path.write_bytes(b"x" * (next(self._count) * 7))

    def delete(self, path: Path, _: Path) -> None:
        path.unlink()

    def folder(self, path: Path, _: Path) -> None:
        path.mkdir(parents=True)

    def clear(self, path: Path, _: Path) -> None:
        shutil.rmtree(path)

    def anew(self, path: Path, _: Path) -> None:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
        path.mkdir()
        (path / "a").write_bytes(b"z" * next(self._count))

    def rename(self, path: Path, other: Path) -> None:
        path.rename(other)

    def link(self, path: Path, other: Path) -> None:
        other.hardlink_to(path)

    def symlink(self, path: Path, other: Path) -> None:
        path.unlink(missing_ok=True)
        path.symlink_to(f"{other.name}-{next(self._count)}")

    def attributes(self, path: Path, _: Path) -> None:
        number = next(self._count)
        os.utime(path, ns=(0, number * 1_000_000_007), follow_symlinks=False)
        os.chown(path, number, 5, follow_symlinks=False)
        os.chmod(path, 0o600 + number % 0o70)
        os.setxattr(path, f"user.n{number % 3}", b"v")


KINDS = [name for name in vars(Steps) if not name.startswith("_") and name != "act"]
STEPS = st.lists(st.tuples(st.sampled_from(KINDS), PATHS, PATHS), max_size=15)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rounds=st.lists(st.tuples(STEPS, STEPS), min_size=1, max_size=3), exact=st.booleans())
def test_the_layers_make_what_was_there_at_the_freeze(
    rounds: list[tuple[Sequence[tuple[str, str, str]], Sequence[tuple[str, str, str]]]],
    exact: bool,
) -> None:
    with a_container() as container, container.overlay.mounted() as merged:
        steps = Steps(merged)
        for before, during in rounds:
            for step in before:
                steps.act(step)

            def meanwhile(number: int, during: Sequence[tuple[str, str, str]] = during) -> None:
                for step in during if number == 0 else ():
                    steps.act(step)

            container.save(meanwhile, exact)
            assert differences(tree(merged), container.image()) == []
