"""In how many steps a container's files are read, so that it stands still for a moment only.

Most is copied while it runs. What changed meanwhile is copied again, until it is little; then the
container is frozen, what changed since is read into memory, and it runs again before any of that
is compressed or sent.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from dsw.agent import AgentLayer
from dsw.snapshots import SnapshotState
from dsw.units import format_size
from dsw_agent.changes import NOTHING, Changes, since
from dsw_agent.delivery import LayerStream, Target
from dsw_agent.exclusions import Exclusions
from dsw_agent.failures import Cancellation, FailureReason, SnapshotFailed
from dsw_agent.freezer import Freezer
from dsw_agent.layer import Held, Layer, weight
from dsw_agent.merged import Layers
from dsw_agent.reporting import Reporter
from dsw_agent.scan import Scan, path_of, scan, sync
from dsw_agent.skipped import Skipped, readable
from dsw_agent.squash import merged
from dsw_agent.walk import Plan, Walk

LITTLE = 32 * 1024**2
"""Bytes that are few enough to stop the container for them."""
LIVE_PASSES = 3
HELD_MAX = 64 * 1024**2
"""Bytes that are read into memory while it stands still."""
FROZEN_SECONDS = 5.0
FREEZE_SECONDS = 2.0
TRIES = 3
RECENT_SECONDS = 2.0
"""How old a reading may be to tell what will have changed."""


class _TooMuch(Exception):
    """It would have to stand still for too long, or for too many bytes."""


class _Deadline(Cancellation):
    """A cancellation that also comes by itself."""

    def __init__(self, cancellation: Cancellation, seconds: float) -> None:
        super().__init__()
        self._outer = cancellation
        self._until = time.monotonic() + seconds

    def check(self) -> None:
        self._outer.check()
        if time.monotonic() > self._until:
            raise _TooMuch


@dataclass(frozen=True)
class Files:
    """What is read: the upper directory `root`, what is left out of it, and where that is noted.

    `lowers` are directories of layers right below it that become part of the first new layer, and
    `below` those of the layers that stay below that, all of them topmost first.
    """

    root: int
    exclusions: Exclusions
    skipped: Skipped
    lowers: list[int] = field(default_factory=list)
    below: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Way:
    """Where it goes, who hears of it, who looks into the files before they go, and who ends it."""

    target: Target
    reporter: Reporter
    inspect: Callable[[list[str]], None]
    cancellation: Cancellation


class Passes:
    """Reads and ships; `shipped` is the reading that all layers together hold, `opaque` the
    directories that they make hide what is below, `layers` the new ones."""

    def __init__(
        self,
        files: Files,
        way: Way,
        shipped: Scan = NOTHING,
        opaque: dict[str, int] | None = None,
    ) -> None:
        self._files = files
        self._way = way
        self.shipped = shipped
        self.opaque = dict(opaque or {})
        self.layers: list[AgentLayer] = []
        self.size = 0
        self.frozen_ms = 0
        self._total = 0
        self._live = 0
        self._scanned = 0.0

    def run(self, freezer: Freezer | None) -> None:
        """Ship what is there, as it is at one moment, or without a freezer file by file."""
        now = self._scan()
        self._ship_live(now, final=freezer is None)
        if freezer is not None:
            self._ship_consistent(freezer, now)
        self._way.reporter.progress(SnapshotState.PUSHING, self.size, self.size)

    def _ship_consistent(self, freezer: Freezer, now: Scan) -> None:
        failure = _not_frozen()
        for number in range(TRIES):
            if time.monotonic() - self._scanned > RECENT_SECONDS or number:
                now = self._scan()
            while self._changes(now).size > LITTLE and self._live < LIVE_PASSES + number:
                self._ship_live(now)
                now = self._scan()
            try:
                if self._ship_frozen(freezer, now):
                    return
                failure = _not_frozen()
            except _TooMuch:
                failure = _too_much()
        raise failure

    def _scan(self) -> Scan:
        self._scanned = time.monotonic()
        root = self._files.root
        return scan(root, self._files.exclusions, self._way.cancellation, sync(root))

    def _ship_live(self, now: Scan, final: bool = False) -> None:
        self._live += 1
        cancellation = self._way.cancellation
        plan = self._plan(now, cancellation)
        roots = [self._files.root]
        if self._files.lowers and not self.layers:
            lower = map(self._lower, self._files.lowers)
            plan = merged([plan, *lower], Layers(self._files.below))
            roots += self._files.lowers
        # What a later pass corrects is not worth a note.
        notes = self._files.skipped if final else Skipped()
        progress = self._progress(SnapshotState.COPYING, final)
        layer = Layer(roots, plan, notes, cancellation, progress, self._way.target.exact)
        if plan.entries:
            self._total += layer.planned
            self._send(layer, plan)
            self.size += layer.size
        self._remember(now, plan, layer)

    def _lower(self, root: int) -> Plan:
        files, cancellation = self._files, self._way.cancellation
        found = since(
            NOTHING, scan(root, files.exclusions, cancellation), files.exclusions, Skipped()
        ).found
        exact = self._way.target.exact
        return Walk(root, files.exclusions, Skipped(), cancellation, whole=exact).plan(found)

    def _ship_frozen(self, freezer: Freezer, last: Scan) -> bool:
        """Whether it was read while it stood still."""
        last.prepare()
        self.shipped.prepare()
        synced = sync(self._files.root)
        self._way.reporter.progress(SnapshotState.FREEZING, self.size, self._total)
        cancellation = self._way.cancellation
        began = time.monotonic()
        try:
            if freezer.freeze(FREEZE_SECONDS, cancellation.check) is None:
                return False
            deadline = _Deadline(cancellation, FROZEN_SECONDS)
            now = scan(self._files.root, self._files.exclusions, deadline, synced, last)
            plan = self._plan(now, deadline)
            layer = Layer([self._files.root], plan, Skipped(), deadline, lambda _: None)
            parts = _held(layer.parts(), deadline)
            if not freezer.still():
                return False
            if missing := plan.missing | layer.missing:
                raise _unreadable(missing.pop())
        finally:
            freezer.thaw()
            self.frozen_ms += round((time.monotonic() - began) * 1000)
        if plan.entries:
            held = Held(parts, self._progress(SnapshotState.PUSHING, final=True))
            self._total += held.announced or 0
            self._send(held, plan)
            self.size += held.announced or 0
        self._remember(now, plan, layer)
        return True

    def _changes(self, now: Scan, whole: Iterable[str] = ()) -> Changes:
        files = self._files
        return since(self.shipped, now, files.exclusions, files.skipped, list(whole))

    def _plan(self, now: Scan, cancellation: Cancellation) -> Plan:
        plan = self._walk(self._changes(now), cancellation)
        if plan.replaced and self.shipped.lines:
            paths = set(map(path_of, self.shipped.lines))
            whole = [path for path in plan.replaced if os.fsencode(path) in paths]
            if whole:
                return self._walk(self._changes(now, whole), cancellation)
        return plan

    def _walk(self, changes: Changes, cancellation: Cancellation) -> Plan:
        files = self._files
        exact = self._way.target.exact
        walk = Walk(files.root, files.exclusions, files.skipped, cancellation, self.opaque, exact)
        return walk.plan(changes.found, changes.gone)

    def _send(self, layer: LayerStream, plan: Plan) -> None:
        self._way.inspect(plan.files)
        self.layers.append(self._way.target.add(layer))

    def _remember(self, now: Scan, plan: Plan, layer: Layer) -> None:
        self.shipped = now.without(plan.missing | layer.missing, self.shipped)
        self.opaque |= plan.opaque

    def _progress(self, state: SnapshotState, final: bool) -> Callable[[int], None]:
        before = self.size

        def tell(done: int) -> None:
            copied = final and before + done >= self._total
            now = SnapshotState.PUSHING if copied else state
            self._way.reporter.progress(now, before + done, self._total)

        return tell


def _held(parts: Iterable[bytes], deadline: _Deadline) -> list[bytes]:
    held = []
    size = 0
    for part in parts:
        held.append(part)
        size += weight(part)
        if size > HELD_MAX:
            raise _TooMuch
        deadline.check()
    return held


def _unreadable(path: str) -> SnapshotFailed:
    return SnapshotFailed(
        FailureReason.UPPER_UNREADABLE, f"{readable(path)} of the container cannot be read."
    )


def _not_frozen() -> SnapshotFailed:
    return SnapshotFailed(
        FailureReason.NOT_FROZEN,
        f"The container did not stand still within {FREEZE_SECONDS:.0f} seconds: a process of it "
        "waits for a disk or a mount that does not answer.",
        "Save again later, or save it live, as it runs.",
    )


def _too_much() -> SnapshotFailed:
    return SnapshotFailed(
        FailureReason.CHANGED_TOO_MUCH,
        f"More than {format_size(HELD_MAX)} changed each time before the container was to stand "
        "still.",
        "Save again when the instance is less busy, or save it live, as it runs.",
    )
