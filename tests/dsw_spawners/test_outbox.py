"""The outbox on a clock of its own: order, patience, and nothing that a start waits for."""

from __future__ import annotations

import asyncio
import logging

import pytest

from dsw.errors import RemoteError, Unavailable
from dsw.events import Phase, PhaseReport
from dsw_spawners.outbox import LONGEST_WAIT, Outbox

LOG = logging.getLogger("test")


def report(phase: Phase, percent: float | None = None) -> PhaseReport:
    """A report of the first attempt."""
    return PhaseReport(attempt=1, phase=phase, percent=percent)


class Post:
    """A control that fails as often as it is told, and a clock that only its waits move."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.delivered: list[tuple[str, PhaseReport]] = []
        self.waits: list[float] = []

    async def deliver(self, instance_id: str, report: PhaseReport) -> None:
        """Take the report, or do not answer."""
        await asyncio.sleep(0)
        if self.failures:
            self.failures -= 1
            raise Unavailable("down")
        self.delivered.append((instance_id, report))

    async def sleep(self, seconds: float) -> None:
        """Move the clock."""
        self.waits.append(seconds)
        await asyncio.sleep(0)

    def clock(self) -> float:
        """Seconds since the beginning."""
        return sum(self.waits)

    def outbox(self, patience: float = 300) -> Outbox:
        """An outbox to this control."""
        return Outbox(self.deliver, LOG, patience, self.sleep, self.clock)


async def test_reports_arrive_in_their_order_although_control_was_down() -> None:
    post = Post(failures=5)
    outbox = post.outbox()
    phases = [Phase.ADMITTED, Phase.IMAGE_PRESENT, Phase.CONTAINER_CREATED]
    for phase in phases:
        outbox.put("a", report(phase))
    await outbox.idle()
    assert [each.phase for _, each in post.delivered] == phases
    assert post.waits == sorted(post.waits)
    assert max(post.waits) <= LONGEST_WAIT


async def test_of_waiting_pull_figures_only_the_newest_is_kept() -> None:
    post = Post()
    outbox = post.outbox()
    outbox.put("a", report(Phase.ADMITTED))
    for percent in range(50):
        outbox.put("a", report(Phase.IMAGE_PULLING, percent))
    outbox.put("a", report(Phase.IMAGE_PRESENT))
    await outbox.idle()
    assert [(each.phase, each.percent) for _, each in post.delivered] == [
        (Phase.ADMITTED, None),
        (Phase.IMAGE_PULLING, 49),
        (Phase.IMAGE_PRESENT, None),
    ]


async def test_a_report_is_given_up_after_its_patience() -> None:
    post = Post(failures=10**6)
    outbox = post.outbox(patience=60)
    outbox.put("a", report(Phase.ADMITTED))
    await outbox.idle()
    assert post.delivered == []
    assert 60 - LONGEST_WAIT <= post.clock() <= 60


async def test_a_refused_report_does_not_hold_up_the_next() -> None:
    delivered: list[Phase] = []

    async def deliver(instance_id: str, each: PhaseReport) -> None:
        if each.phase is Phase.ADMITTED:
            raise RemoteError(404, "not_found", "no such instance")
        delivered.append(each.phase)

    outbox = Outbox(deliver, LOG)
    outbox.put("a", report(Phase.ADMITTED))
    outbox.put("a", report(Phase.STOPPED))
    await outbox.idle()
    assert delivered == [Phase.STOPPED]


async def test_one_instance_does_not_wait_for_another() -> None:
    stuck, arrived = asyncio.Event(), asyncio.Event()
    delivered: list[str] = []

    async def deliver(instance_id: str, each: PhaseReport) -> None:
        if instance_id == "a":
            await stuck.wait()
        delivered.append(instance_id)
        arrived.set()

    outbox = Outbox(deliver, LOG)
    outbox.put("a", report(Phase.ADMITTED))
    outbox.put("b", report(Phase.ADMITTED))
    async with asyncio.timeout(5):
        await arrived.wait()
    assert delivered == ["b"]
    stuck.set()
    await outbox.idle()
    assert delivered == ["b", "a"]


@pytest.mark.parametrize("count", [1, 3])
async def test_putting_never_waits(count: int) -> None:
    post = Post(failures=10**6)
    outbox = post.outbox(patience=1)
    for _ in range(count):
        outbox.put("a", report(Phase.ADMITTED))
    assert post.waits == []
    await outbox.idle()
