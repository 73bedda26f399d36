"""Containers without an engine: a real overlay, an imitated freezer, images in memory."""

from __future__ import annotations

import io
import itertools
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.dsw_agent.memory_target import MemoryTarget
from tests.dsw_agent.overlays import Overlay, copy, tree

from dsw.agent import INDEX_FILE, AgentReport, AgentRequest, AgentTarget, PreviousSnapshot
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
        meanwhile: Callable[[int], object] = lambda _: None,
        exact: bool = False,
        afterwards: Callable[[int], object] = lambda _: None,
        **changes: Any,
    ) -> list[AgentReport]:
        """Take a snapshot upon the last one; what the agent told."""
        self.target = MemoryTarget(exact, self.stored, meanwhile, afterwards)
        number = next(self._numbers)
        request = a_request(self, f"snap-{number:012d}", **changes)
        told = io.StringIO()
        snapshot.take(request, Reporter(told), Cancellation(), Mark(), self.target)
        assert (self.freezer / "freezer.state").read_text().strip() == "THAWED"
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


def a_request(of: Container, snapshot_id: str, **changes: Any) -> AgentRequest:
    """A request to save a container in consistent mode."""
    layers = [f"sha256:{number:064d}" for number in range(len(of.overlay.lowers))]
    config = {"os": "linux", "rootfs": {"type": "layers", "diff_ids": layers}}
    values = {
        "snapshot_id": snapshot_id,
        "container": "c",
        "upper": str(of.overlay.upper),
        "lowers": [str(lower) for lower in of.overlay.lowers],
        "freezer": str(of.freezer),
        "work": str(of.work),
        "base_image": "sha256:base",
        "base_config": json.dumps(config),
        "mounts": [],
        "previous": of.previous,
        "author": "alice",
        "created": datetime(2026, 1, 2, tzinfo=UTC),
        "comment": "",
        "target": AgentTarget(kind="engine", tag="x"),
    }
    return AgentRequest.model_validate(values | changes)


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
