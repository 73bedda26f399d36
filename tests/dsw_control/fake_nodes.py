"""A node on which nothing is really mounted: it remembers what would be, and fails when told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from dsw.errors import Unavailable
from dsw.mounts import Holder, MountReason
from dsw.node_mounts import (
    INSTANCES,
    Area,
    Attach,
    Detach,
    NodeMountResult,
    NodeMountsRequest,
    SourceReport,
    SourceRequest,
    SourceState,
    WarmReport,
    WarmRequest,
)
from dsw.plan import DATA, DYNAMIC, Mount, MountKind
from dsw_control.engines.base import MountKey, MountTable, SourceStatus, WarmStatus

ROOT = "/node"
READY = SourceReport(state=SourceState.READY)


class Killed(BaseException):
    """Control is killed while it waits for the node."""


class FakeNode:
    """Outlives control, as a node does. `kill_in` steps from now control is killed; `meanwhile`
    happens while a helper works; sources become ready by themselves when `quick`."""

    def __init__(self) -> None:
        self.mounted: dict[MountKey, Attach] = {}
        self.devices: dict[MountKey, str] = {}
        self.helpers: dict[str, SourceRequest] = {}
        self.reports: dict[str, SourceStatus] = {}
        self.source_mounts: dict[str, str] = {}
        self.kept: set[str] = set()
        self.warmed: dict[str, WarmRequest] = {}
        self.warm_reports: dict[str, WarmStatus] = {}
        self.folders: set[str] = set()
        self.holders: dict[MountKey, list[Holder]] = {}
        self.failing: dict[str, MountReason] = {}
        self.aged: set[str] = set()
        self.requests: list[NodeMountsRequest] = []
        self.looks = 0
        self.down = self.quick = False
        self.kill_in: int | None = None
        self.meanwhile: Callable[[], Awaitable[None]] | None = None
        self._count = 0

    async def anchors(self, instance_id: str) -> list[Mount]:
        """As the real ones."""
        return [
            Mount(
                kind=MountKind.BIND,
                source=f"{ROOT}/{INSTANCES}/{instance_id}/{area}",
                target=target,
                follows=True,
            )
            for area, target in ((Area.DATA, DATA), (Area.DYNAMIC, DYNAMIC))
        ]

    async def path_source(self, instance_id: str, name: str) -> str:
        """As the real one."""
        return f"{ROOT}/{INSTANCES}/{instance_id}/{Area.PATHS}/{name}"

    async def lacks_anchors(self, instance_id: str) -> bool:
        """As the test says."""
        return instance_id in self.aged

    async def apply(self, request: NodeMountsRequest) -> list[NodeMountResult]:
        """Step by step, so that control may be killed in between."""
        self._check()
        self.requests.append(request)
        assert not any(step.root and step.root.path == "/" for step in request.attach)
        results = [self._step(step) for step in (*request.detach, *request.attach)]
        if self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            await meanwhile()
        self._tick()
        return results

    async def table(self) -> MountTable:
        """All that would be mounted."""
        self._check()
        self.looks += 1
        return MountTable(mounts=dict(self.devices), sources=dict(self.source_mounts))

    async def instances(self) -> list[str]:
        """Those that have a folder."""
        self._check()
        return sorted(self.folders)

    async def remove_instances(self, ids: Sequence[str]) -> None:
        """With all that is there."""
        self._check()
        for instance_id in ids:
            self._step(Detach(instance_id=instance_id, force=True))

    async def start_source(self, request: SourceRequest) -> None:
        """It prepares until the test has it ready."""
        self._check()
        assert request.key not in self.helpers
        self.helpers[request.key] = request
        if request.cache_bytes:
            self.kept.add(request.key)
        self.reports[request.key] = SourceStatus(report=SourceReport(state=SourceState.PREPARING))
        if request.key in self.failing:
            self.fail_source(request.key, "The store does not answer.")
        elif self.quick:
            self.ready(request.key)

    async def source_status(self, key: str) -> SourceStatus | None:
        """What it reported last."""
        self._check()
        return self.reports.get(key)

    async def remove_source(self, key: str) -> None:
        """The helper is gone, and its mount."""
        self._check()
        self.helpers.pop(key, None)
        self.reports.pop(key, None)
        self.source_mounts.pop(key, None)

    async def sources(self) -> list[str]:
        """With a helper."""
        self._check()
        return sorted(self.helpers)

    async def cache_folder(self, key: str) -> str:
        """Of the node."""
        return f"/cache/{key}"

    async def remove_cache(self, key: str) -> None:
        """Nothing of it is kept."""
        assert key not in self.helpers, "its helper uses it"
        self.kept.discard(key)

    async def caches(self) -> list[str]:
        """What is kept."""
        return sorted(self.kept)

    async def start_warm(self, warming_id: str, request: WarmRequest) -> None:
        """It goes on until the test ends it."""
        self._check()
        assert request.key in self.source_mounts, "nothing to read from"
        self.warmed[warming_id] = request
        self.warm_reports[warming_id] = WarmStatus()

    async def warm_status(self, warming_id: str) -> WarmStatus | None:
        """What it reported last."""
        return self.warm_reports.get(warming_id)

    async def remove_warm(self, warming_id: str) -> None:
        """It is gone."""
        self.warm_reports.pop(warming_id, None)

    async def tidy(self, warmings: set[str]) -> None:
        """Nothing is left behind here."""

    def ready(self, key: str) -> None:
        """The source's mount is there; if it was before, it is another one now."""
        self._count += 1
        self.source_mounts[key] = f"0:{self._count}"
        self.reports[key] = SourceStatus(report=READY)

    def lose_source(self, key: str, message: str = "The store does not answer.") -> None:
        """Its mount died; the helper tries to mount it again."""
        self.source_mounts.pop(key, None)
        report = SourceReport(
            state=SourceState.DEGRADED, reason=MountReason.SOURCE_UNREACHABLE, message=message
        )
        self.reports[key] = SourceStatus(report=report)

    def fail_source(self, key: str, message: str) -> None:
        """The helper gave up."""
        report = SourceReport(
            state=SourceState.FAILED, reason=MountReason.SOURCE_UNREACHABLE, message=message
        )
        self.reports[key] = SourceStatus(report=report, exit_code=1)

    def end_warm(self, warming_id: str, report: WarmReport, code: int = 0) -> None:
        """The helper ended with this."""
        self.warm_reports[warming_id] = WarmStatus(report=report, exit_code=code)

    def restart(self) -> None:
        """The engine restarts: helpers die, and what they mounted is dead; binds stay."""
        for key in list(self.helpers):
            self.reports[key] = SourceStatus(report=READY, exit_code=137)
            self.source_mounts.pop(key, None)

    def of(self, instance_id: str) -> dict[tuple[Area, str], Attach]:
        """What an instance sees."""
        return {key[1:]: step for key, step in self.mounted.items() if key[0] == instance_id}

    def _step(self, step: Attach | Detach) -> NodeMountResult:
        self._tick()
        if isinstance(step, Detach):
            return self._detach(step)
        key: MountKey = (step.instance_id, step.area, step.name)
        reason = self.failing.get(step.name) or self._missing(step)
        if reason is not None:
            return _result(step, reason, "It cannot be reached.")
        self.folders.add(step.instance_id)
        self._count += 1
        self.mounted[key] = step
        self.devices[key] = self.source_mounts.get(step.source, f"8:{self._count}")
        return _result(step)

    def _detach(self, step: Detach) -> NodeMountResult:
        found = [
            key
            for key in self.mounted
            if key[0] == step.instance_id
            and step.area in (None, key[1])
            and step.name in ("", key[2])
        ]
        for key in found:
            if not step.force and self.holders.get(key):
                return _result(step, MountReason.BUSY, "In use.", self.holders[key])
            del self.mounted[key], self.devices[key]
        if step.area is None:
            self.folders.discard(step.instance_id)
        return _result(step)

    def _missing(self, step: Attach) -> MountReason | None:
        if step.source:
            return None if step.source in self.source_mounts else MountReason.SOURCE_UNREACHABLE
        assert step.root is not None
        if step.root.volume or step.root.path.startswith("/cache/"):
            return None
        return None if Path(step.root.path, step.path).is_dir() else MountReason.SOURCE_GONE

    def _tick(self) -> None:
        if self.kill_in is not None:
            self.kill_in -= 1
            if self.kill_in < 0:
                self.kill_in = None
                raise Killed

    def _check(self) -> None:
        self._tick()
        if self.down:
            raise Unavailable("The container engine does not answer.")


def _result(
    step: Attach | Detach,
    reason: MountReason = MountReason.NONE,
    message: str = "",
    holders: Sequence[Holder] = (),
) -> NodeMountResult:
    return NodeMountResult(
        instance_id=step.instance_id,
        area=step.area,
        name=step.name,
        ok=not reason,
        reason=reason,
        message=message,
        holders=list(holders),
    )
