"""How the steps of one request are done: each in a process of its own, with a deadline, because a
storage that hangs hangs whoever looks at it."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator

from dsw.mounts import MountReason
from dsw.node_mounts import Attach, Detach, NodeMountResult, NodeMountsRequest
from dsw_agent.mounting.anchors import Node
from dsw_agent.mounting.attach import attach
from dsw_agent.mounting.detach import detach
from dsw_agent.mounting.refusals import MountRefused

DEADLINE = 8.0
"""Seconds for one step."""
_CHUNK = 65536


def results(
    request: NodeMountsRequest, node: Node, deadline: float = DEADLINE
) -> Iterator[NodeMountResult]:
    """Do the steps in their order, detaching first; one result each."""
    for leaving in request.detach:
        yield _result(leaving, lambda step=leaving: detach(node, step), deadline)  # type: ignore[misc]
    for coming in request.attach:
        yield _result(coming, lambda step=coming: attach(node, step), deadline)  # type: ignore[misc]


def _result(step: Attach | Detach, work: Callable[[], None], deadline: float) -> NodeMountResult:
    told = within(deadline, lambda: _told(step, work).model_dump_json().encode())
    if told:
        return NodeMountResult.model_validate_json(told)
    if told is not None:
        return _about(step, MountRefused(MountReason.ENGINE_FAILED, "The node's helper died."))
    late = MountRefused(
        MountReason.SOURCE_UNREACHABLE,
        f"The storage did not answer within {deadline:.0f} seconds.",
        "" if isinstance(step, Attach) else "Unmount it by force.",
    )
    return _about(step, late)


def _told(step: Attach | Detach, work: Callable[[], None]) -> NodeMountResult:
    try:
        work()
    except MountRefused as error:
        return _about(step, error)
    except Exception as error:
        traceback.print_exc()
        words = f"The node failed unexpectedly: {type(error).__name__}."
        return _about(step, MountRefused(MountReason.ENGINE_FAILED, words))
    return NodeMountResult(instance_id=step.instance_id, area=step.area, name=step.name, ok=True)


def _about(step: Attach | Detach, error: MountRefused) -> NodeMountResult:
    return NodeMountResult(
        instance_id=step.instance_id,
        area=step.area,
        name=step.name,
        ok=False,
        reason=error.reason,
        message=error.sentence,
        holders=error.holders,
    )


def within(seconds: float, work: Callable[[], bytes]) -> bytes | None:
    """What `work` answers in a process of its own; None when it took longer, and was killed."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    worker = os.fork()
    if worker == 0:
        try:
            os.close(reading)
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(work())
        finally:
            sys.stderr.flush()
            os._exit(0)
    os.close(writing)
    answer = _read(reading, seconds)
    os.close(reading)
    os.kill(worker, signal.SIGKILL)
    # One that the kernel does not let go ends with the helper.
    os.waitpid(worker, os.WNOHANG if answer is None else 0)
    return answer


def _read(pipe: int, seconds: float) -> bytes | None:
    """All that is written to the pipe, when that is done in time."""

    deadline = time.monotonic() + seconds
    data = b""
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    while poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        chunk = os.read(pipe, _CHUNK)
        if not chunk:
            return data
        data += chunk
    return None
