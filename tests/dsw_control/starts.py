"""Starting and ending instances by the use cases, without a hub: what admission tests need."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from dsw.instances import Desired, InstanceCreate, InstanceState, InstanceView
from dsw_control import instance_rows, instances
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.store.tables import Allocation, Image, Instance
from dsw_control.tenancy import workspaces

SPECS = [
    {"name": "cpu", "cpu": 1, "memory": "1GiB"},
    {"name": "big", "cpu": 4, "memory": "1GiB"},
    {"name": "gpu", "cpu": 1, "memory": "1GiB", "gpu": 1, "gpu_type": "A100"},
    {"name": "two", "cpu": 1, "memory": "1GiB", "gpu": 2, "gpu_type": "A100"},
    {"name": "any", "cpu": 1, "memory": "1GiB", "gpu": 1},
    {"name": "share", "cpu": 1, "memory": "1GiB", "gpu": 1, "gpu_shared": True},
]
GPUS = [{"id": f"GPU-{number}", "type": "A100"} for number in range(4)]
ROOMY = {
    "specs": SPECS,
    "resource_groups": [{"name": "local", "cpu": 1000, "memory": "1TiB", "cpu_overcommit": 1}],
}


async def create(control: Control, owner: str, spec: str, **more: Any) -> InstanceView:
    """A new instance of this owner, who is welcomed first."""
    await workspaces.welcome(control, owner)
    async with control.db.read() as session:
        image = await session.scalar(select(Image.id).where(Image.retired_at.is_(None)))
    body = InstanceCreate.model_validate({"image": image, "spec": spec, **more})
    return await instances.create_instance(control, Caller(name=owner), body)


async def end(control: Control, instance_id: str, state: InstanceState) -> None:
    """It comes to rest in this state, as the reconciler would have it."""
    async with control.db.write() as session:
        row = await session.get_one(Instance, instance_id)
        row.state, row.desired = state, Desired.STOPPED
        await instance_rows.end(session, control, row)


async def row_of(control: Control, instance_id: str) -> Instance:
    """The instance as the database has it."""
    async with control.db.read() as session:
        return await session.get_one(Instance, instance_id)


async def held(control: Control) -> int:
    """How many hold something now."""
    async with control.db.read() as session:
        query = select(func.count()).where(Allocation.ended_at.is_(None))
        return await session.scalar(query) or 0
