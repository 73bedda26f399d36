"""Whatever is started, ended or cut in whichever order: no limit is passed and nothing leaks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, event, select
from tests.dsw_control.conftest import MakeControl
from tests.dsw_control.starts import GPUS, SPECS, create, end

from dsw.errors import QuotaExceeded
from dsw.instances import AT_REST, InstanceState
from dsw_control import instance_ends, instances
from dsw_control.auth import Caller
from dsw_control.capacity import queue, reaper
from dsw_control.context import Control
from dsw_control.store.tables import Allocation, GpuLease, Instance

CPU, EACH = 6, 3
SETTINGS = {
    "specs": SPECS,
    "gpus": GPUS[:3],
    "resource_groups": [{"name": "local", "cpu": CPU, "memory": "1TiB", "cpu_overcommit": 1}],
    "quota": {"per_member": {"instances": EACH}, "limits": {"gpus": {"A100": 2}}},
}

OPERATIONS = st.lists(
    st.one_of(
        st.tuples(
            st.just("start"), st.integers(0, 2), st.sampled_from(["cpu", "big", "gpu", "two"])
        ),
        st.tuples(st.just("again"), st.integers(0, 9), st.none()),
        st.tuples(st.just("stop"), st.integers(0, 9), st.none()),
        st.tuples(
            st.just("end"),
            st.integers(0, 9),
            st.sampled_from([InstanceState.STOPPED, InstanceState.FAILED]),
        ),
        st.tuples(st.just("turn"), st.just(0), st.none()),
    ).flatmap(lambda each: st.tuples(st.just(each), st.one_of(st.none(), st.integers(1, 60)))),
    max_size=25,
)


@given(OPERATIONS)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_no_sequence_passes_a_limit_or_leaks(
    make_control: MakeControl, operations: list[tuple[tuple[str, int, Any], int | None]]
) -> None:
    control = await make_control(**SETTINGS)
    await clear(control)
    for operation, dies_at in operations:
        await run(control, perform(control, *operation), dies_at)
        await check(control)
    await reaper.reap(control)
    await end_all(control)
    for _ in range(30):
        await queue.turn(control)
        await end_all(control)
    await check(control)
    async with control.db.read() as session:
        assert (await session.scalars(select(GpuLease))).all() == []
        active = select(Allocation).where(Allocation.ended_at.is_(None))
        assert (await session.scalars(active)).all() == []
        waiting = select(Instance).where(Instance.state == InstanceState.QUEUING)
        assert (await session.scalars(waiting)).all() == []


class Died(Exception):
    """Control died here: what was not committed is lost."""


async def run(control: Control, operation: Awaitable[None], dies_at: int | None) -> None:
    """Do it, or let control die before its so-manieth statement."""
    seen = 0

    def die(*_statement: object) -> None:
        nonlocal seen
        seen += 1
        if seen == dies_at:
            raise Died

    engine = control.db.engine.sync_engine
    event.listen(engine, "before_cursor_execute", die)
    try:
        with suppress(Died, QuotaExceeded):
            await operation
    finally:
        event.remove(engine, "before_cursor_execute", die)


async def perform(control: Control, what: str, number: int, how: Any) -> None:
    if what == "start":
        await create(control, f"user{number}", how)
    elif what == "turn":
        await queue.turn(control)
    else:
        async with control.db.read() as session:
            rows = (await session.scalars(select(Instance).order_by(Instance.created_at))).all()
        if rows:
            await _on_row(control, rows[number % len(rows)], what, how)


def _on_row(control: Control, row: Instance, what: str, how: Any) -> Awaitable[object]:
    caller = Caller(name=row.owner)
    if what == "again" and row.state in AT_REST:
        return instances.start_instance(control, caller, row.id)
    if what == "end":
        return end(control, row.id, how)
    return instance_ends.stop_instance(control, caller, row.id)


async def end_all(control: Control) -> None:
    async with control.db.read() as session:
        holders = await session.scalars(
            select(Allocation.holder_id).where(Allocation.ended_at.is_(None))
        )
    for holder in holders:
        await end(control, holder, InstanceState.STOPPED)


async def clear(control: Control) -> None:
    async with control.db.write() as session:
        for table in (Allocation, GpuLease, Instance):
            await session.execute(delete(table))


async def check(control: Control) -> None:
    async with control.db.read() as session:
        held = (
            await session.scalars(select(Allocation).where(Allocation.ended_at.is_(None)))
        ).all()
        leases = (await session.scalars(select(GpuLease))).all()
        rows = await session.execute(select(Instance.id, Instance.state))
        states = {row.id: row.state for row in rows}
    assert sum(one.cpu for one in held) <= CPU
    assert sum(one.gpu for one in held) <= 2
    assert all(count <= EACH for count in Counter(one.owner for one in held).values())
    assert {one.holder_id: one.gpu for one in held if one.gpu} == Counter(
        lease.holder_id for lease in leases
    )
    assert not {one.holder_id for one in held if states[one.holder_id] in AT_REST}
    assert all(states[one.holder_id] != InstanceState.QUEUING for one in held)
