"""One snapshot from beginning to end: plan, copy, deliver, and tell about it."""

from __future__ import annotations

import os
from pathlib import Path

from dsw.agent import AgentReport, AgentRequest
from dsw.snapshots import SnapshotState
from dsw_agent.delivery import Target
from dsw_agent.engine import EngineTarget
from dsw_agent.exclusions import Exclusions
from dsw_agent.failures import Cancellation, FailureReason, SnapshotFailed
from dsw_agent.image_config import BaseConfig
from dsw_agent.layer import Layer
from dsw_agent.registry import RegistryTarget
from dsw_agent.reporting import Reporter
from dsw_agent.skipped import Skipped
from dsw_agent.walk import Walk

_SYS_ADMIN = 21


def take(request: AgentRequest, reporter: Reporter, cancellation: Cancellation) -> AgentReport:
    """Make the image; the last report. `SnapshotFailed` or `Cancelled` when there is none."""
    reporter.say(AgentReport(state=SnapshotState.PREPARING))
    _check_rights()
    base = BaseConfig(request.base_config)
    engine = request.target.kind == "engine"
    target: Target = EngineTarget(request.target.tag) if engine else RegistryTarget(request.target)
    skipped = Skipped()
    root = _open(request.upper)
    try:
        exclusions = Exclusions(request.mounts, request.exclude)
        plan = Walk(root, exclusions, skipped, cancellation).plan()

        def progress(done: int) -> None:
            copied = done >= plan.size
            state = SnapshotState.PUSHING if copied else SnapshotState.COPYING
            reporter.progress(state, done, plan.size)

        layer = Layer(root, plan, skipped, cancellation, progress, fixed=engine)
        delivered = target.deliver(
            layer, base, lambda diff_id: base.with_layers([diff_id], request), cancellation
        )
    except OSError as error:
        raise _unreadable(request.upper, error) from error
    finally:
        os.close(root)
    return AgentReport(
        state=SnapshotState.SAVED,
        bytes_done=plan.size,
        bytes_total=plan.size,
        image=delivered.image,
        size=delivered.size,
        skipped=skipped.lines(),
    )


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


def _open(upper: str) -> int:
    try:
        return os.open(upper, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise _unreadable(upper, error) from error


def _unreadable(upper: str, error: OSError) -> SnapshotFailed:
    return SnapshotFailed(
        FailureReason.UPPER_UNREADABLE,
        f"The container's files in {upper} cannot be read: {error.strerror or error}.",
    )
