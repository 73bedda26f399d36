"""Admission on a real database: however many ask at once, no limit is passed."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from tests.dsw_control.conftest import MakeControl
from tests.dsw_control.starts import GPUS, ROOMY, SPECS, create, end, held, row_of

from dsw.errors import Conflict, QuotaExceeded
from dsw.instances import InstanceState, InstanceView
from dsw_control import instances
from dsw_control.auth import Caller
from dsw_control.capacity import queue, reaper
from dsw_control.capacity.admission import leased, release
from dsw_control.store.tables import Allocation, GpuLease
from dsw_control.tenancy import workspaces

QUEUING, ALLOCATING = InstanceState.QUEUING, InstanceState.RESOURCE_ALLOCATING
STOPPED, FAILED = InstanceState.STOPPED, InstanceState.FAILED


async def test_fifty_starts_at_once_for_four_gpus_admit_four(make_control: MakeControl) -> None:
    controls = [await make_control(**ROOMY, gpus=GPUS) for _ in range(2)]
    for number in range(50):
        await workspaces.welcome(controls[0], f"user{number}")
    results = await asyncio.gather(*(create(controls[n % 2], f"user{n}", "gpu") for n in range(50)))
    admitted = [item for item in results if item.state == ALLOCATING]
    waiting = [item for item in results if item.state == QUEUING]
    assert (len(admitted), len(waiting)) == (4, 46)
    async with controls[0].db.read() as session:
        leases = (await session.scalars(select(GpuLease))).all()
    assert {lease.device_id for lease in leases} == {gpu["id"] for gpu in GPUS}
    assert {lease.holder_id for lease in leases} == {item.id for item in admitted}


async def test_fifty_that_will_not_wait_are_refused_with_the_limit(
    make_control: MakeControl,
) -> None:
    controls = [await make_control(**ROOMY, gpus=GPUS) for _ in range(2)]
    results = await asyncio.gather(
        *(create(controls[n % 2], f"user{n}", "gpu", queue=False) for n in range(50)),
        return_exceptions=True,
    )
    refused = [result for result in results if isinstance(result, QuotaExceeded)]
    assert sum(isinstance(result, InstanceView) for result in results) == 4
    assert len(refused) == 46, results
    assert "1 GPU of type A100 in resource group local; 0 of 4 free" in refused[0].message
    assert await held(controls[0]) == 4


async def test_the_cap_per_member_holds_at_once(make_control: MakeControl) -> None:
    control = await make_control(**ROOMY, quota={"per_member": {"instances": 3}})
    await workspaces.welcome(control, "ada")
    results = await asyncio.gather(*(create(control, "ada", "cpu") for _ in range(10)))
    assert sum(item.state == ALLOCATING for item in results) == 3
    assert len({item.name for item in results}) == 10


async def test_what_can_never_fit_is_refused_at_once(make_control: MakeControl) -> None:
    control = await make_control(**ROOMY, gpus=GPUS[:1], quota={"limits": {"cpu": 2}})
    with pytest.raises(QuotaExceeded, match="4 CPU asked for, but at most 2 for this workspace"):
        await create(control, "ada", "big")
    with pytest.raises(QuotaExceeded, match="2 GPU of type A100 asked for, but at most 1 in"):
        await create(control, "ada", "two")
    with pytest.raises(QuotaExceeded, match="1 GPU asked for, but at most 0 in resource group"):
        await create(control, "ada", "share")
    async with control.db.read() as session:
        assert await session.scalar(text("SELECT count(*) FROM instances")) == 0


async def test_a_type_of_gpu_that_is_not_there_is_refused(make_control: MakeControl) -> None:
    control = await make_control(**ROOMY)
    for spec, words in (("gpu", "GPU of type A100"), ("any", "1 GPU asked for, but at most 0")):
        with pytest.raises(QuotaExceeded, match=words):
            await create(control, "ada", spec)


async def test_a_workspace_without_a_quota_gets_nothing(make_control: MakeControl) -> None:
    control = await make_control(**ROOMY)
    async with control.db.write() as session:
        await session.execute(text("DELETE FROM workspace_quotas"))
    with pytest.raises(QuotaExceeded, match="at most 0 for this workspace in local"):
        await create(control, "ada", "cpu")


@pytest.mark.parametrize("state", [STOPPED, FAILED])
async def test_an_end_gives_back_exactly_once(
    make_control: MakeControl, state: InstanceState
) -> None:
    control = await make_control(**ROOMY, gpus=GPUS[:1])
    item = await create(control, "ada", "gpu")
    other = await create(control, "bob", "gpu")
    third = await create(control, "eve", "gpu")
    for _ in range(2):
        await end(control, item.id, state)
    await queue.turn(control)
    await queue.turn(control)
    assert (await row_of(control, other.id)).state == ALLOCATING
    assert (await row_of(control, third.id)).state == QUEUING
    async with control.db.read() as session:
        assert await leased(session, other.id) == ["GPU-0"]


async def test_a_stopped_instance_gets_the_gpu_of_last_time(make_control: MakeControl) -> None:
    control = await make_control(**ROOMY, gpus=GPUS)
    first = await create(control, "ada", "gpu")
    second = await create(control, "bob", "gpu")
    for item in (first, second):
        await end(control, item.id, STOPPED)
    await instances.start_instance(control, Caller(name="bob"), second.id)
    async with control.db.read() as session:
        assert await leased(session, second.id) == ["GPU-1"]


async def test_shares_of_a_gpu_are_for_specs_that_say_so(make_control: MakeControl) -> None:
    shared = {"id": "GPU-s", "type": "T4-third", "shares": 3}
    control = await make_control(**ROOMY, gpus=[*GPUS[:1], shared])
    items = [await create(control, f"user{n}", "share") for n in range(4)]
    assert [item.state for item in items] == [ALLOCATING] * 3 + [QUEUING]
    exclusive = [await create(control, f"user{n}", "any") for n in range(2)]
    assert [item.state for item in exclusive] == [ALLOCATING, QUEUING]
    async with control.db.read() as session:
        rows = (await session.scalars(select(GpuLease).order_by(GpuLease.device_id))).all()
    assert [(row.device_id, row.share) for row in rows] == [
        ("GPU-0", 0),
        ("GPU-s", 0),
        ("GPU-s", 1),
        ("GPU-s", 2),
    ]


async def test_one_name_asked_for_twice_at_once_is_made_once(make_control: MakeControl) -> None:
    control = await make_control(**ROOMY)
    await workspaces.welcome(control, "ada")
    results = await asyncio.gather(
        *(create(control, "ada", "cpu", name="train") for _ in range(5)), return_exceptions=True
    )
    assert sum(isinstance(result, InstanceView) for result in results) == 1
    assert sum(isinstance(result, Conflict) for result in results) == 4


async def test_rows_outlive_the_process(make_control: MakeControl) -> None:
    item = await create(await make_control(specs=SPECS), "ada", "cpu")
    again = await make_control(specs=SPECS)
    assert await instances.get_instance(again, Caller(name="ada"), item.id) == item


async def test_the_reaper_mends_what_nothing_holds(make_control: MakeControl) -> None:
    control = await make_control(**ROOMY, gpus=GPUS)
    stopped = await create(control, "ada", "gpu")
    running = await create(control, "bob", "gpu")
    async with control.db.write() as session:
        await session.execute(
            text("UPDATE instances SET state = 'Stopped', desired = 'stopped' WHERE id = :id"),
            {"id": stopped.id},
        )
        session.add(GpuLease(device_id="GPU-3", share=0, holder_id="dsw-gone"))
    await reaper.reap(control)
    async with control.db.read() as session:
        active = await session.scalars(
            select(Allocation.holder_id).where(Allocation.ended_at.is_(None))
        )
        leases = await session.scalars(select(GpuLease.holder_id))
        assert (list(active), list(leases)) == ([running.id], [running.id])


async def test_the_database_allows_one_allocation_per_holder(make_control: MakeControl) -> None:
    control = await make_control(**ROOMY)
    item = await create(control, "ada", "cpu")
    async with control.db.read() as session:
        row = (await session.scalars(select(Allocation))).one()
    copy = {
        column.name: getattr(row, column.name)
        for column in Allocation.__table__.columns
        if column.name != "id"
    }
    with pytest.raises(IntegrityError):
        async with control.db.write() as session:
            session.add(Allocation(**copy))
    async with control.db.write() as session:
        assert await release(session, control, item.id)
        assert not await release(session, control, item.id)
        session.add(Allocation(**copy))
