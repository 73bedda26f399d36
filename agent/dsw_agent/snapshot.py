"""One snapshot from beginning to end: what it builds on, its passes, the image, the report."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from dsw.agent import INDEX_FILE, AgentLayer, AgentReport, AgentRequest
from dsw.image_report import Finding, ImageReport
from dsw.snapshots import SnapshotMode, SnapshotState
from dsw_agent import index, inventory
from dsw_agent.changes import NOTHING, included
from dsw_agent.delivery import Delivered, Target
from dsw_agent.engine import EngineTarget
from dsw_agent.exclusions import Exclusions
from dsw_agent.failures import Cancellation, FailureReason, SnapshotFailed
from dsw_agent.freezer import Freezer, Mark
from dsw_agent.image_config import BaseConfig
from dsw_agent.index import Index
from dsw_agent.passes import Files, Passes, Way
from dsw_agent.registry import RegistryTarget
from dsw_agent.reporting import Reporter
from dsw_agent.skipped import Skipped

_SYS_ADMIN = 21


@dataclass(frozen=True)
class Ground:
    """What new layers are put on: the base without the `squashed` topmost layers, and those of the
    last snapshot when that is built upon."""

    base: BaseConfig
    squashed: int = 0
    last: Index | None = None

    @property
    def reused(self) -> list[AgentLayer]:
        """The layers of the last snapshot."""
        return self.last.head.layers if self.last else []


class Snapshot:
    """A snapshot that is being taken; used once."""

    def __init__(
        self, request: AgentRequest, reporter: Reporter, cancellation: Cancellation, mark: Mark
    ) -> None:
        self._request = request
        self._reporter = reporter
        self._cancellation = cancellation
        self._mark = mark
        self._exclusions = Exclusions(request.mounts, request.exclude)
        self._skipped = Skipped()
        self._findings: list[Finding] = []
        self._unscanned = 0

    def take(self, target: Target) -> AgentReport:
        """Make the image; the last report. `SnapshotFailed` or `Cancelled` when there is none."""
        request = self._request
        self._reporter.say(AgentReport(state=SnapshotState.PREPARING))
        _check_rights()
        try:
            with _opened(request.upper) as root:
                ground = self._ground(root, target)
                passes = self._passes(root, ground, target)
                if request.work:
                    self._write(root, ground, passes)
                diff_ids = [layer.diff_id for layer in (*ground.reused, *passes.layers)]
                delivered = target.finish(ground.base.with_layers(diff_ids, request))
        finally:
            target.close()
        return self._saved(passes, delivered)

    def _ground(self, root: int, target: Target) -> Ground:
        request = self._request
        base = BaseConfig(request.base_config)
        last = index.usable(request, root, self._exclusions)
        if last is not None and index.has_room(last.head, len(base.diff_ids)):
            kept = base.without_top(last.head.squashed) if last.head.squashed else base
            if target.open(kept, last.head.layers):
                return Ground(kept, last.head.squashed, last)
        full = len(base.diff_ids) + index.USUAL_LAYERS > index.ALL_LAYERS
        squashed = request.base_saved if full else 0
        if squashed:
            base = base.without_top(squashed)
        target.open(base, ())
        return Ground(base, squashed)

    def _passes(self, root: int, ground: Ground, target: Target) -> Passes:
        request = self._request
        consistent = request.mode is SnapshotMode.CONSISTENT and bool(request.freezer)
        freezer = Freezer(request.freezer, self._mark) if consistent else None

        def inspect(paths: list[str]) -> None:
            findings, unscanned = inventory.check_secrets(request, root, paths)
            self._findings += findings
            self._unscanned += unscanned

        way = Way(target, self._reporter, inspect, self._cancellation)
        with ExitStack() as stack:
            squashed = 0 if ground.last else ground.squashed
            paths = request.lowers if squashed else []
            lowers = [stack.enter_context(_opened(path)) for path in paths]
            if len(lowers) < squashed:
                raise _unreadable("the layers of the image below", OSError("they are not given"))
            parts = lowers[:squashed], lowers[squashed:]
            files = Files(root, self._exclusions, self._skipped, *parts)
            last = ground.last
            passes = Passes(
                files, way, last.scan if last else NOTHING, last.opaque if last else None
            )
            try:
                passes.run(freezer)
            except OSError as error:
                raise _unreadable(request.upper, error) from error
        return passes

    def _write(self, root: int, ground: Ground, passes: Passes) -> None:
        folder = Path(self._request.work) / self._request.snapshot_id
        head = index.head_of(self._request, root).model_copy(
            update={"squashed": ground.squashed, "layers": [*ground.reused, *passes.layers]}
        )
        scan = included(passes.shipped, self._exclusions)
        try:
            index.write(folder / INDEX_FILE, head, scan, passes.opaque)
            inventory.write(self._request, folder, self._facts(ground, passes))
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            raise SnapshotFailed(
                FailureReason.DISK_FULL if full else FailureReason.INTERNAL,
                f"What is known of the image cannot be written down: {error.strerror or error}.",
            ) from error

    def _facts(self, ground: Ground, passes: Passes) -> ImageReport:
        left_out, more = self._skipped.left_out()
        return ImageReport(
            mode=self._request.mode,
            since=ground.last.head.snapshot if ground.last else None,
            squashed=ground.squashed > 0 and ground.last is None,
            frozen_ms=passes.frozen_ms,
            layers=[layer.digest or layer.diff_id for layer in passes.layers],
            size=passes.size,
            left_out=left_out,
            more_left_out=more,
            findings=self._findings,
            unscanned=self._unscanned,
        )

    def _saved(self, passes: Passes, delivered: Delivered) -> AgentReport:
        return AgentReport(
            state=SnapshotState.SAVED,
            bytes_done=passes.size,
            bytes_total=passes.size,
            frozen_ms=passes.frozen_ms,
            image=delivered.image,
            size=delivered.size,
            skipped=self._skipped.lines(),
        )


def take(
    request: AgentRequest,
    reporter: Reporter,
    cancellation: Cancellation,
    mark: Mark,
    target: Target | None = None,
) -> AgentReport:
    """Take the snapshot that is asked for; the last report. `SnapshotFailed` or `Cancelled` when
    there is no image."""
    if target is None:
        target = _target(request, cancellation)
    return Snapshot(request, reporter, cancellation, mark).take(target)


def _target(request: AgentRequest, cancellation: Cancellation) -> Target:
    if request.target.kind == "engine":
        return EngineTarget(request.target.tag, cancellation)
    return RegistryTarget(request.target, cancellation)


def _check_rights() -> None:
    """Without this right the kernel hides the marks of replaced folders, and the files that were
    deleted with them would come back."""
    status = Path("/proc/self/status").read_text()
    effective = int(status.partition("CapEff:")[2].split()[0], 16)
    if not effective >> _SYS_ADMIN & 1:
        raise SnapshotFailed(
            FailureReason.UPPER_UNREADABLE,
            "The agent cannot see which folders of the container were replaced.",
            "Run it as root with the capability SYS_ADMIN.",
        )


@contextmanager
def _opened(path: str) -> Iterator[int]:
    """The directory at a path of the host's own choice."""
    try:
        directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        yield directory
    finally:
        os.close(directory)


def _unreadable(what: str, error: OSError) -> SnapshotFailed:
    return SnapshotFailed(
        FailureReason.UPPER_UNREADABLE,
        f"The container's files in {what} cannot be read: {error.strerror or error}.",
    )
