"""What came of the steps of a helper that mounts, whatever became of the helper."""

from __future__ import annotations

import json

from docker.errors import APIError
from pydantic import ValidationError

from dsw.mounts import MountReason
from dsw.node_mounts import Attach, Detach, NodeMountResult

Step = Attach | Detach


def results_of(steps: list[Step], lines: list[str], code: int | None) -> list[NodeMountResult]:
    """One for each step: those that its lines tell, and for the others why there is none; `code`
    None: it was killed because it took too long."""
    found = [result for line in lines if (result := _result(line))]
    return found[: len(steps)] + [_unanswered(step, code) for step in steps[len(found) :]]


def _unanswered(step: Step, code: int | None) -> NodeMountResult:
    if code is not None:
        why = f"The helper ended before it was done (exit code {code})."
        return _failed(step, MountReason.ENGINE_FAILED, why)
    return _failed(step, MountReason.SOURCE_UNREACHABLE, "Its storage does not answer.")


def unreachable(step: Step, error: APIError) -> NodeMountResult:
    """The engine could not show the helper where the data lies."""
    why = f"The engine cannot open where it lies: {error.explanation}"
    return _failed(step, MountReason.SOURCE_UNREACHABLE, why)


def _result(line: str) -> NodeMountResult | None:
    try:
        return NodeMountResult.model_validate(json.loads(line))
    except (ValueError, ValidationError):
        return None


def _failed(step: Step, reason: MountReason, message: str) -> NodeMountResult:
    return NodeMountResult(
        instance_id=step.instance_id,
        area=step.area,
        name=step.name,
        ok=False,
        reason=reason,
        message=message,
    )
