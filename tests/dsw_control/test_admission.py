"""Admission on a real database: however many ask at once, no limit is passed."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select
from tests.dsw_control.conftest import MakeControl

from dsw.errors import Conflict, QuotaExceeded
from dsw.instances import InstanceCreate, InstanceView
from dsw_control import catalog, instances, workspaces
from dsw_control.admission import leased, release
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.store.tables import GpuLease, Instance

SPECS = [
    {"name": "cpu", "cpu": 1, "memory": "1GiB"},
    {"name": "gpu", "cpu": 1, "memory": "1GiB", "gpu": 1, "gpu_type": "A100"},
]
GPUS = [{"id": f"GPU-{number}", "type": "A100"} for number in range(4)]


async def create(control: Control, owner: str, spec: str, **more: object) -> InstanceView:
    caller = Caller(name=owner)
    await workspaces.welcome(control, owner)
    (image,) = await catalog.list_images(control, caller)
    body = InstanceCreate.model_validate({"image": image.id, "spec": spec, **more})
    return await instances.create_instance(control, caller, body)


async def test_fifty_starts_at_once_for_four_gpus_admit_four(make_control: MakeControl) -> None:
    controls = [await make_control(specs=SPECS, gpus=GPUS) for _ in range(2)]
    for number in range(50):
        await workspaces.welcome(controls[0], f"user{number}")
    results = await asyncio.gather(
        *(create(controls[n % 2], f"user{n}", "gpu") for n in range(50)), return_exceptions=True
    )
    admitted = [result for result in results if isinstance(result, InstanceView)]
    refused = [result for result in results if isinstance(result, QuotaExceeded)]
    assert (len(admitted), len(refused)) == (4, 46), results
    async with controls[0].db.read() as session:
        leases = (await session.scalars(select(GpuLease))).all()
    assert {lease.device_id for lease in leases} == {gpu["id"] for gpu in GPUS}
    assert {lease.instance_id for lease in leases} == {item.id for item in admitted}


async def test_the_cap_per_member_holds_at_once(make_control: MakeControl) -> None:
    quota = {"instances_per_user": 3}
    control = await make_control(specs=SPECS, workspace={"quota": quota})
    await workspaces.welcome(control, "ada")
    results = await asyncio.gather(
        *(create(control, "ada", "cpu") for _ in range(10)), return_exceptions=True
    )
    assert sum(isinstance(result, InstanceView) for result in results) == 3
    assert len({item.name for item in results if isinstance(item, InstanceView)}) == 3


async def test_what_was_held_is_given_back_once(make_control: MakeControl) -> None:
    control = await make_control(specs=SPECS, gpus=GPUS[:1])
    item = await create(control, "ada", "gpu")
    with pytest.raises(QuotaExceeded):
        await create(control, "bob", "gpu")
    for _ in range(2):
        async with control.db.write() as session:
            await release(session, await session.get_one(Instance, item.id))
    other = await create(control, "bob", "gpu")
    async with control.db.read() as session:
        assert await leased(session, other.id) == ["GPU-0"]


async def test_a_stopped_instance_gets_the_gpu_of_last_time(make_control: MakeControl) -> None:
    control = await make_control(specs=SPECS, gpus=GPUS)
    first = await create(control, "ada", "gpu")
    second = await create(control, "bob", "gpu")
    for item in (first, second):
        async with control.db.write() as session:
            row = await session.get_one(Instance, item.id)
            row.state, row.desired = "Stopped", "stopped"
            await release(session, row)
    await instances.start_instance(control, Caller(name="bob"), second.id)
    async with control.db.read() as session:
        assert await leased(session, second.id) == ["GPU-1"]


async def test_one_name_asked_for_twice_at_once_is_made_once(make_control: MakeControl) -> None:
    control = await make_control(specs=SPECS)
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
