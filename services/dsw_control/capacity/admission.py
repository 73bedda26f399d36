"""Admission: what is held, by whom, and how it is reserved and given back exactly once.

An allocation without an end is what something holds. The database allows one per holder, so that
reserving twice, or giving back twice, changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.quota import (
    ALL_GPUS,
    Amounts,
    Holding,
    Limit,
    Limits,
    Quota,
    Who,
    amounts_of,
    demand,
    limits_for,
)
from dsw.resources import Capacity
from dsw.specs import Spec
from dsw_control.access import roles_of
from dsw_control.capacity import groups
from dsw_control.context import Control
from dsw_control.store.tables import (
    Allocation,
    GpuLease,
    Instance,
    Member,
    WorkspaceQuota,
)

NOTHING = Quota(limits=Limits(instances=0))


def choices(spec: Spec, capacity: Capacity) -> list[Amounts]:
    """The amounts that would do for a spec: one entry, or one for each type of GPU that fits."""
    kinds = groups.gpu_types(spec, capacity)
    return [demand(spec, kind) for kind in kinds] or [demand(spec)]


def who_of(row: Instance, member: Member | None) -> Who:
    """For whom, where and how urgently an instance is to start."""
    return Who(
        resource_group=row.resource_group,
        workspace_id=row.workspace_id,
        username=row.owner,
        roles=roles_of(member),
        priority=row.priority,
    )


async def quota_of(session: AsyncSession, workspace_id: str, group: str) -> Quota:
    """What the workspace may use of the group: nothing, when it has no quota there."""
    row = await session.get(WorkspaceQuota, (workspace_id, group))
    return NOTHING if row is None else Quota.model_validate(row.quota)


def limits_of(
    control: Control,
    who: Who,
    spec: Spec,
    capacity: Capacity,
    quota: Quota,
    held: Iterable[Holding],
) -> list[Limit]:
    """All limits for a request. GPUs that the group has none of are limited to none."""
    group = groups.group_named(control, who.resource_group)
    allowed = groups.allowed(group, capacity)
    if spec.gpu and not groups.gpu_types(spec, capacity):
        allowed[f"gpu:{spec.gpu_type}" if spec.gpu_type else ALL_GPUS] = 0
    return limits_for(who, allowed, quota, held)


async def holdings(
    session: AsyncSession, group: str, workspace_id: str | None = None
) -> list[Holding]:
    """All that is held in a group, or by one workspace in it: by workspace, owner and priority."""
    columns = (Allocation.workspace_id, Allocation.owner, Allocation.priority)
    query = (
        select(*columns, *_SUMS)
        .where(Allocation.resource_group == group, Allocation.ended_at.is_(None))
        .group_by(*columns, Allocation.gpu_type)
    )
    if workspace_id is not None:
        query = query.where(Allocation.workspace_id == workspace_id)
    rows = (await session.execute(query)).all()
    return [_holding(row[0], row[1], row[2], row[3:]) for row in rows]


async def holdings_around(session: AsyncSession, row: Instance) -> list[Holding]:
    """What is held in an instance's group, all of other workspaces in one: enough to decide on
    this instance, and read quickly."""
    others = await session.execute(
        select(*_SUMS)
        .where(
            Allocation.resource_group == row.resource_group,
            Allocation.ended_at.is_(None),
            Allocation.workspace_id != row.workspace_id,
        )
        .group_by(Allocation.gpu_type)
    )
    own = await holdings(session, row.resource_group, row.workspace_id)
    return own + [_holding("", "", 1, tuple(each)) for each in others.all()]


_SUMS = (
    Allocation.gpu_type,
    func.count(),
    func.sum(Allocation.cpu),
    func.sum(Allocation.memory),
    func.sum(Allocation.gpu),
)


def _holding(workspace_id: str, owner: str, priority: int, sums: Sequence[Any]) -> Holding:
    kind, count, cpu, memory, gpu = sums
    amounts = amounts_of(count, (cpu, memory), gpu, kind)
    return Holding.model_validate(
        {
            "workspace_id": workspace_id,
            "username": owner,
            "priority": priority,
            "amounts": amounts,
        }
    )


async def is_held(session: AsyncSession, holder_id: str) -> bool:
    """Whether something holds its resources now."""
    found = await session.scalar(
        select(Allocation.id).where(
            Allocation.holder_id == holder_id, Allocation.ended_at.is_(None)
        )
    )
    return found is not None


async def reserve(
    session: AsyncSession, control: Control, row: Instance, asked: Amounts, capacity: Capacity
) -> None:
    """Write down that the instance holds these amounts, and lease its GPUs. The caller has locked
    the group and seen that they fit."""
    spec = Spec.model_validate(row.spec)
    kind = next((key[4:] for key in asked if key.startswith("gpu:") and key != ALL_GPUS), "")
    session.add(
        Allocation(
            holder_id=row.id,
            kind="instance",
            workspace_id=row.workspace_id,
            resource_group=row.resource_group,
            owner=row.owner,
            priority=row.priority,
            cpu=spec.cpu,
            memory=spec.memory,
            gpu=spec.gpu,
            gpu_type=kind,
            started_at=control.clock(),
        )
    )
    row.gpus = await _lease(session, row, kind, spec.gpu, capacity) if spec.gpu else []


async def _lease(
    session: AsyncSession, row: Instance, kind: str, count: int, capacity: Capacity
) -> list[str]:
    """Lease the first free GPUs of a type; those of the last time first, because the container
    that was kept is bound to them."""
    leases = await session.execute(select(GpuLease.device_id, GpuLease.share))
    taken = {(device_id, share) for device_id, share in leases.all()}
    free: dict[str, int] = {}
    for device in capacity.devices:
        shares = (n for n in range(device.shares) if (device.id, n) not in taken)
        if device.type == kind and (share := next(shares, None)) is not None:
            free[device.id] = share
    chosen = sorted(free, key=lambda device_id: device_id not in row.gpus)[:count]
    session.add_all(
        GpuLease(device_id=device_id, share=free[device_id], holder_id=row.id)
        for device_id in chosen
    )
    return sorted(chosen)


async def release(session: AsyncSession, control: Control, holder_id: str) -> bool:
    """Give back all that is held; whether there was anything."""
    done = await session.execute(
        update(Allocation)
        .where(Allocation.holder_id == holder_id, Allocation.ended_at.is_(None))
        .values(ended_at=control.clock())
        .returning(Allocation.id)
    )
    await session.execute(delete(GpuLease).where(GpuLease.holder_id == holder_id))
    return done.first() is not None


async def leased(session: AsyncSession, holder_id: str) -> list[str]:
    """The GPUs that something holds, by device id."""
    rows = await session.scalars(
        select(GpuLease.device_id)
        .where(GpuLease.holder_id == holder_id)
        .order_by(GpuLease.device_id)
    )
    return list(rows)
