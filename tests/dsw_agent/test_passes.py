"""Snapshots of a tree that changes all the time: what the layers make is what was there."""

from __future__ import annotations

import io
import itertools
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.dsw_agent.memory_target import MemoryTarget
from tests.dsw_agent.overlays import Overlay, copy, differences, tree

from dsw.agent import INDEX_FILE, AgentReport, AgentRequest, AgentTarget, PreviousSnapshot
from dsw_agent import scan as scans
from dsw_agent import snapshot
from dsw_agent.failures import Cancellation
from dsw_agent.freezer import Mark
from dsw_agent.reporting import Reporter

BASE = {
    "a": "1",
    "b/a": "2",
    "b/b/c": "3",
    "b/b/d": "4",
    "c/a/b": "5",
    "c/a/c": "6",
    "d": "7",
}
NAMES = st.sampled_from("abcd")
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)


class Container:
    """A tree over a base that is saved again and again; `freezer` looks like a cgroup of v1."""

    def __init__(self, folder: Path, bases: Sequence[Path]) -> None:
        self._folder = folder
        self.overlay = Overlay(folder, bases)
        self.work = folder / "agent"
        self.work.mkdir()
        self.freezer = folder / "freezer"
        self.freezer.mkdir()
        (self.freezer / "freezer.state").write_text("THAWED")
        self.stored: dict[str, bytes] = {}
        self.previous: PreviousSnapshot | None = None
        self.target = MemoryTarget()
        self._numbers = itertools.count()
        self.saved = self.base_copy("base")

    def base_copy(self, name: str, skip: int = 0) -> Path:
        """The base as the container sees it, without its topmost layers."""
        place = self._folder / name
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            empty = Path(folder, "empty")
            empty.mkdir()
            stack = [*self.overlay.lowers[skip:], empty]
            with Overlay(Path(folder, "stack"), stack).mounted() as merged:
                copy(merged, place)
        return place

    def save(
        self,
        meanwhile: Callable[[int], None] = lambda _: None,
        exact: bool = False,
        **changes: Any,
    ) -> list[AgentReport]:
        """Take a snapshot upon the last one; what the agent told."""
        self.target = MemoryTarget(exact, self.stored, meanwhile)
        number = next(self._numbers)
        request = a_request(self, f"snap-{number:012d}", **changes)
        told = io.StringIO()
        snapshot.take(request, Reporter(told), Cancellation(), Mark(), self.target)
        assert (self.freezer / "freezer.state").read_text() == "THAWED"
        assert self.target.closed
        (self.work / request.snapshot_id / INDEX_FILE).rename(self.work / INDEX_FILE)
        self.previous = PreviousSnapshot(snapshot_id=request.snapshot_id, image="x")
        return [AgentReport.model_validate_json(line) for line in told.getvalue().splitlines()]

    def image(self, base: Path | None = None) -> dict[str, object]:
        """The tree that the saved image has."""
        place = self._folder / f"image-{next(self._numbers)}"
        copy(base or self.saved, place)
        self.target.unpack(place)
        found = tree(place)
        shutil.rmtree(place)
        return found


def a_request(container: Container, snapshot_id: str, **changes: Any) -> AgentRequest:
    """A request to save a container in consistent mode."""
    layers = [f"sha256:{number:064d}" for number in range(len(container.overlay.lowers))]
    config = {"os": "linux", "rootfs": {"type": "layers", "diff_ids": layers}}
    values = {
        "snapshot_id": snapshot_id,
        "container": "c",
        "upper": str(container.overlay.upper),
        "lowers": [str(lower) for lower in container.overlay.lowers],
        "freezer": str(container.freezer),
        "work": str(container.work),
        "base_image": "sha256:base",
        "base_config": json.dumps(config),
        "mounts": [],
        "previous": container.previous,
        "author": "alice",
        "created": datetime(2026, 1, 2, tzinfo=UTC),
        "comment": "",
        "target": AgentTarget(kind="engine", tag="x"),
    }
    return AgentRequest.model_validate(values | changes)


@pytest.fixture(autouse=True)
def _every_change_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are compared however young they are: what tests change shows without a clock."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    monkeypatch.setattr(scans, "GRANULARITY", -(10**18))


@contextmanager
def a_container(layers: int = 1) -> Iterator[Container]:
    """A container whose base has so many layers, the upper ones with changes of their own."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        bottom = folder / "layer-0"
        for path, text in BASE.items():
            (bottom / path).parent.mkdir(parents=True, exist_ok=True)
            (bottom / path).write_text(text)
        lowers = [bottom]
        for number in range(1, layers):
            upper = Overlay(folder / f"layer-{number}", lowers)
            with upper.mounted() as merged:
                shutil.rmtree(merged / "b/b")
                (merged / "b/b").mkdir()
                (merged / f"b/b/{number}").write_text("of a layer")
                (merged / "d").unlink(missing_ok=True)
                (merged / f"c/new-{number}").write_text("x")
            lowers.insert(0, upper.upper)
        yield Container(folder / "container", lowers)


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

    def append(self, path: Path, _: Path) -> None:
        with path.open("ab") as file:
            file.write(b"y" * next(self._count))

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

    def mode(self, path: Path, _: Path) -> None:
        path.chmod(0o600 + next(self._count) % 0o70, follow_symlinks=False)

    def owner(self, path: Path, _: Path) -> None:
        os.chown(path, next(self._count), 5, follow_symlinks=False)

    def attribute(self, path: Path, _: Path) -> None:
        os.setxattr(path, f"user.n{next(self._count)}", b"v")
        os.utime(path, ns=(0, next(self._count) * 1_000_000_001), follow_symlinks=False)

    def time(self, path: Path, _: Path) -> None:
        os.utime(path, ns=(0, next(self._count) * 1_000_000_007), follow_symlinks=False)


KINDS = [name for name in vars(Steps) if not name.startswith("_") and name != "act"]
STEPS = st.lists(st.tuples(st.sampled_from(KINDS), PATHS, PATHS), max_size=12)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
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
