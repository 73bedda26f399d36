"""The queue on a real database: who starts when something is given back, and who is told what."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from tests.dsw_control.conftest import MakeControl
from tests.dsw_control.starts import GPUS, ROOMY, create, end, row_of

from dsw.errors import Forbidden, Invalid, NotFound
from dsw.instances import Desired, InstanceState, InstanceView
from dsw.queueing import QueueMove
from dsw_control import instance_ends, instances
from dsw_control.auth import Caller
from dsw_control.capacity import desk, queue
from dsw_control.context import Control
from dsw_control.store.paging import PageRequest
from dsw_control.store.tables import AuditEntry, Member, Workspace, WorkspaceQuota

QUEUING, ALLOCATING = InstanceState.QUEUING, InstanceState.RESOURCE_ALLOCATING
STOPPED = InstanceState.STOPPED
ROOT = Caller(name="root", admin=True)
ALL = PageRequest()


class Clock:
    """A time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_minutes(self, minutes: float) -> None:
        self.now += timedelta(minutes=minutes)


async def one_gpu(make_control: MakeControl, **more: Any) -> tuple[Control, Clock]:
    """A control with one GPU and a clock that moves by hand."""
    control = await make_control(**{**ROOMY, "gpus": GPUS[:1], **more})
    control.clock = clock = Clock()
    return control, clock


async def waiting(control: Control, *owners: str, **more: Any) -> list[InstanceView]:
    """One who holds the GPU, and those who wait for it, a second apart."""
    items = []
    for owner in owners:
        items.append(await create(control, owner, "gpu", **more))
        control.clock.pass_minutes(1 / 60)  # type: ignore[attr-defined]
    return items


async def order_of(control: Control, caller: Caller = ROOT) -> list[str]:
    entries, _ = await desk.list_queue(control, caller, (None, None), ALL)
    return [entry.owner for entry in entries]


async def make_operator(control: Control, name: str) -> Caller:
    async with control.db.write() as session:
        workspace = await session.scalar(select(Workspace))
        assert workspace is not None
        session.add(
            Member(
                workspace_id=workspace.id,
                username=name,
                roles=["operator"],
                group_roles=[],
                added_at=control.clock(),
            )
        )
    return Caller(name=name)


async def test_the_first_in_line_starts_when_something_is_given_back(
    make_control: MakeControl,
) -> None:
    control, _ = await one_gpu(make_control)
    first, second, third = await waiting(control, "ada", "bob", "eve")
    assert [item.state for item in (first, second, third)] == [ALLOCATING, QUEUING, QUEUING]
    await end(control, first.id, STOPPED)
    await queue.turn(control)
    rows = [await row_of(control, item.id) for item in (second, third)]
    assert [row.state for row in rows] == [ALLOCATING, QUEUING]
    assert rows[0].queue_place is None
    assert rows[0].reason == ""


async def test_who_waits_is_told_place_and_reason(make_control: MakeControl) -> None:
    control, _ = await one_gpu(make_control)
    _, second, third = await waiting(control, "ada", "bob", "eve")
    await queue.turn(control)
    view = await instances.get_instance(control, Caller(name="eve"), third.id)
    assert view.queue is not None
    assert (view.queue.place, view.queue.ahead) == (2, 1)
    assert view.queue.waiting_for == "1 GPU of type A100 in resource group local; 0 of 1 free"
    assert view.message == (
        "Waiting for 1 GPU of type A100 in resource group local; 0 of 1 free; 1 ahead of you."
    )
    assert view.reason == "WaitingForResources"
    assert second.message.startswith("Waiting for 1 GPU of type A100")


async def test_the_estimate_comes_from_past_runs(make_control: MakeControl) -> None:
    control, clock = await one_gpu(make_control)
    for minutes in (10, 30, 30):
        past = await create(control, "ada", "gpu")
        clock.pass_minutes(minutes)
        await end(control, past.id, STOPPED)
    (_, second, third) = await waiting(control, "ada", "bob", "eve")
    clock.pass_minutes(10)
    await queue.turn(control)
    seconds = [
        (await row_of(control, item.id)).queue_place["estimate_seconds"]  # type: ignore[index]
        for item in (second, third)
    ]
    # 30 minutes is the median of those that lasted longer than ten; the second would have to wait
    # for a run that has not begun.
    assert seconds == [20 * 60, None]


async def test_without_past_runs_there_is_no_estimate(make_control: MakeControl) -> None:
    control, _ = await one_gpu(make_control)
    _, second = await waiting(control, "ada", "bob")
    await queue.turn(control)
    row = await row_of(control, second.id)
    assert row.queue_place is not None
    assert row.queue_place["estimate_seconds"] is None


async def test_a_stop_takes_one_out_of_the_queue(make_control: MakeControl) -> None:
    control, _ = await one_gpu(make_control)
    first, second, third = await waiting(control, "ada", "bob", "eve")
    await instance_ends.stop_instance(control, Caller(name="bob"), second.id)
    await end(control, first.id, STOPPED)
    await queue.turn(control)
    assert (await row_of(control, third.id)).state == ALLOCATING
    assert (await row_of(control, second.id)).desired == Desired.STOPPED


async def test_a_higher_priority_goes_first(make_control: MakeControl) -> None:
    policy = {"policy": {"max_priority": {"developer": 9}}}
    control, _ = await one_gpu(make_control, workspace=policy)
    first, low, high = [
        *await waiting(control, "ada"),
        *await waiting(control, "bob", priority=4),
        *await waiting(control, "eve", priority=6),
    ]
    await end(control, first.id, STOPPED)
    await queue.turn(control)
    assert (await row_of(control, high.id)).state == ALLOCATING
    assert (await row_of(control, low.id)).state == QUEUING


async def test_a_priority_above_the_cap_is_refused(make_control: MakeControl) -> None:
    control, _ = await one_gpu(make_control)
    with pytest.raises(Forbidden, match="Priority 6 is above"):
        await create(control, "ada", "gpu", priority=6)


async def test_a_lowered_quota_ends_a_wait_that_is_in_vain(make_control: MakeControl) -> None:
    control, _ = await one_gpu(make_control)
    _, second = await waiting(control, "ada", "bob")
    async with control.db.write() as session:
        quota = (await session.scalars(select(WorkspaceQuota))).one()
        quota.quota = {"limits": {"gpus": {"A100": 0}}}
    await queue.turn(control)
    row = await row_of(control, second.id)
    assert (row.state, row.reason) == ("Failed", "QuotaExceeded")
    assert "at most 0 for this workspace in local" in row.message
    assert await order_of(control) == []


async def test_an_operator_moves_entries_and_takes_them_out(make_control: MakeControl) -> None:
    control, _ = await one_gpu(make_control)
    _, second, third, fourth = await waiting(control, "ada", "bob", "eve", "kim")
    operator = await make_operator(control, "olga")
    await desk.move(control, operator, fourth.id, QueueMove(before=second.id))
    assert await order_of(control) == ["kim", "bob", "eve"]
    await desk.move(control, operator, second.id, QueueMove(last=True))
    assert await order_of(control) == ["kim", "eve", "bob"]
    await desk.move(control, operator, second.id, QueueMove(priority=9))
    assert await order_of(control) == ["bob", "kim", "eve"]
    await desk.cancel(control, operator, fourth.id)
    row = await row_of(control, fourth.id)
    assert (row.state, row.reason) == ("Stopped", "TakenFromQueue")
    assert row.message == "olga took it out of the queue."
    async with control.db.read() as session:
        actions = await session.scalars(
            select(AuditEntry.detail).where(AuditEntry.actor == "olga").order_by(AuditEntry.id)
        )
        assert [detail["did"] for detail in actions] == ["move"] * 3 + ["cancel"]
    with pytest.raises(Invalid, match="does not wait in the same queue"):
        await desk.move(control, operator, third.id, QueueMove(before=fourth.id))


async def test_moving_within_a_workspace_costs_others_nothing(make_control: MakeControl) -> None:
    control, _ = await one_gpu(make_control)
    await waiting(control, "ada", "bob")
    async with control.db.write() as session:
        other = Workspace(
            id="ws-other",
            name="other",
            display_name="other",
            policy={},
            created_at=control.clock(),
        )
        session.add(other)
        session.add(WorkspaceQuota(workspace_id="ws-other", resource_group="local", quota={}))
        session.add(
            Member(
                workspace_id="ws-other",
                username="zoe",
                roles=["developer"],
                group_roles=[],
                added_at=control.clock(),
            )
        )
    await waiting(control, "zoe", workspace="ws-other")
    (last,) = await waiting(control, "eve")
    operator = await make_operator(control, "olga")
    assert await order_of(control) == ["bob", "zoe", "eve"]
    (first, *_), _ = await desk.list_queue(control, operator, (None, None), ALL)
    await desk.move(control, operator, last.id, QueueMove(before=first.instance_id))
    assert await order_of(control) == ["eve", "zoe", "bob"]
    assert await order_of(control, operator) == ["eve", "bob"]


async def test_a_foreign_entry_is_not_there(make_control: MakeControl) -> None:
    control, _ = await one_gpu(make_control)
    _, second = await waiting(control, "ada", "bob")
    stranger = Caller(name="mallory")
    for attempt in (
        desk.move(control, stranger, second.id, QueueMove(last=True)),
        desk.cancel(control, stranger, second.id),
    ):
        with pytest.raises(NotFound):
            await attempt
    with pytest.raises(NotFound):
        await desk.list_queue(control, stranger, ("default", None), ALL)
    assert await order_of(control, stranger) == []
    with pytest.raises(Forbidden):
        await desk.cancel(control, Caller(name="ada"), second.id)
    assert await order_of(control) == ["bob"]


async def test_a_restart_of_control_keeps_the_queue(make_control: MakeControl) -> None:
    control, _ = await one_gpu(make_control)
    first, second, third = await waiting(control, "ada", "bob", "eve")
    again = await make_control(**ROOMY, gpus=GPUS[:1])
    await queue.turn(again)
    assert await order_of(again) == ["bob", "eve"]
    await end(again, first.id, STOPPED)
    await queue.turn(again)
    await queue.turn(control)
    assert (await row_of(again, second.id)).state == ALLOCATING
    assert (await row_of(again, third.id)).state == QUEUING
