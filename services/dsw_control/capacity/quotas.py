"""Quotas of workspaces: what platform administrators give, and how the workspace divides it."""

from __future__ import annotations

from collections import Counter

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.errors import Forbidden, NotFound
from dsw.quota import Amounts, Holding, Limits, Quota
from dsw.resources import Capacity, GpuView, QuotaView, ResourceGroupView
from dsw.roles import Action
from dsw_control.access import not_from_an_instance, require
from dsw_control.auth import Caller
from dsw_control.capacity import groups
from dsw_control.capacity.admission import holdings
from dsw_control.capacity.queue import IN_QUEUE
from dsw_control.context import Control
from dsw_control.etags import check_match
from dsw_control.records.audit import record
from dsw_control.records.storage import storage_used
from dsw_control.store.tables import GpuLease, Instance, ResourceGroup, WorkspaceQuota
from dsw_control.tenancy import workspaces

GIVEN = ("limits", "storage", "per_band")
"""What of a quota only platform administrators change; the rest divides it."""


async def list_quotas(control: Control, caller: Caller, workspace: str) -> list[QuotaView]:
    """What a workspace may use of each resource group, and what it uses."""
    not_from_an_instance(caller)
    async with control.db.read() as session:
        row = await workspaces.find(session, caller, workspace)
        await require(session, caller, row.id, Action.QUOTA_READ)
        found = await session.scalars(
            select(WorkspaceQuota)
            .where(WorkspaceQuota.workspace_id == row.id)
            .order_by(WorkspaceQuota.resource_group)
        )
        return [await _view(session, quota) for quota in found.all()]


async def get_quota(control: Control, caller: Caller, place: tuple[str, str]) -> QuotaView:
    """The quota of a workspace in a resource group; `place` names both."""
    not_from_an_instance(caller)
    async with control.db.read() as session:
        row = await workspaces.find(session, caller, place[0])
        await require(session, caller, row.id, Action.QUOTA_READ)
        known = await session.get(WorkspaceQuota, (row.id, place[1]))
        if known is None:
            raise _no_quota(row.name, place[1])
        return await _view(session, known)


async def put_quota(
    control: Control,
    caller: Caller,
    place: tuple[str, str],
    quota: Quota,
    if_match: str | None,
) -> QuotaView:
    """Set the quota of a workspace in a resource group; `place` names both.

    Members who may change caps leave what was given as it is; to give more or less is for platform
    administrators. What runs goes on; what waits is looked at anew.
    """
    not_from_an_instance(caller)
    workspace, group = place[0], groups.group_named(control, place[1]).name
    async with control.db.write() as session:
        row = await workspaces.find(session, caller, workspace)
        known = await session.get(WorkspaceQuota, (row.id, group), with_for_update=True)
        old = Quota(limits=Limits(instances=0))
        if known is not None:
            old = Quota.model_validate(known.quota)
            check_match(if_match, as_given(await _view(session, known)))
        await _check_change(session, caller, row.id, old, quota)
        if known is None:
            known = WorkspaceQuota(workspace_id=row.id, resource_group=group)
            session.add(known)
        known.quota = quota.model_dump(mode="json")
        changed = {
            name: value
            for name, value in quota.model_dump(mode="json").items()
            if value != old.model_dump(mode="json")[name]
        }
        action = _action(old, quota)
        record(session, control, caller, action, (row.id, row.id), group=group, **changed)
        view = await _view(session, known)
    control.wake_queue.set()
    return view


async def delete_quota(control: Control, caller: Caller, place: tuple[str, str]) -> None:
    """The workspace may use nothing of the resource group any more; what runs goes on."""
    not_from_an_instance(caller)
    workspace, group = place
    async with control.db.write() as session:
        row = await workspaces.find(session, caller, workspace)
        await require(session, caller, row.id, Action.QUOTA_CHANGE)
        known = await session.get(WorkspaceQuota, (row.id, group))
        if known is None:
            raise _no_quota(row.name, group)
        await session.delete(known)
        target = (row.id, row.id)
        record(session, control, caller, Action.QUOTA_CHANGE, target, group=group, did="delete")
    control.wake_queue.set()


def as_given(view: QuotaView) -> QuotaView:
    """What of a quota somebody changes: not what is used of it, which changes by itself."""
    return view.model_copy(update={"used": {}, "storage_used": None})


def _no_quota(workspace: str, group: str) -> NotFound:
    return NotFound(f"{workspace!r} has no quota in the resource group {group[:60]!r}.")


def _action(old: Quota, new: Quota) -> Action:
    given = any(getattr(old, name) != getattr(new, name) for name in GIVEN)
    return Action.QUOTA_CHANGE if given else Action.CAP_CHANGE


async def _check_change(
    session: AsyncSession, caller: Caller, workspace_id: str, old: Quota, new: Quota
) -> None:
    found = await require(session, caller, workspace_id, Action.QUOTA_READ)
    action = _action(old, new)
    if action not in found.actions:
        if action is Action.QUOTA_CHANGE and Action.CAP_CHANGE in found.actions:
            raise Forbidden(
                "limits, storage and per_band are given by platform administrators.",
                "Send them as they are; per_member, members and per_role are yours to change.",
            )
        await require(session, caller, workspace_id, action)


async def _view(session: AsyncSession, row: WorkspaceQuota) -> QuotaView:
    used = await holdings(session, row.resource_group, workspace_id=row.workspace_id)
    return QuotaView(
        resource_group=row.resource_group,
        quota=Quota.model_validate(row.quota),
        used=_sum(used),
        storage_used=await storage_used(session, row.workspace_id),
    )


def _sum(held: list[Holding]) -> Amounts:
    total: Counter[str] = Counter()
    for holding in held:
        total.update(holding.amounts)
    return dict(sorted(total.items()))


async def list_groups(control: Control, caller: Caller) -> list[ResourceGroupView]:
    """The resource groups, what there is in each and what is free."""
    not_from_an_instance(caller)
    async with control.db.read() as session:
        return [
            await _group_view(session, control, group.name)
            for group in control.settings.resource_groups
        ]


async def _group_view(session: AsyncSession, control: Control, name: str) -> ResourceGroupView:
    conf = groups.group_named(control, name)
    row = await session.get(ResourceGroup, name)
    capacity = Capacity.model_validate(row.capacity) if row else Capacity(cpu=0, memory=0)
    waiting = select(func.count()).where(*IN_QUEUE, Instance.resource_group == name)
    specs = [spec.name for spec in control.settings.specs if groups.offers(conf, spec.name)]
    return ResourceGroupView(
        name=name,
        description=conf.description,
        specs=specs,
        discovered=not (conf.cpu and conf.memory),
        allowed=groups.allowed(conf, capacity),
        used=_sum(await holdings(session, name)),
        gpus=await _gpus(session, capacity),
        waiting=await session.scalar(waiting) or 0,
    )


async def _gpus(session: AsyncSession, capacity: Capacity) -> list[GpuView]:
    leased = Counter(await session.scalars(select(GpuLease.device_id)))
    total: Counter[str] = Counter()
    taken: Counter[str] = Counter()
    shares: dict[str, int] = {}
    for device in capacity.devices:
        total[device.type] += device.shares
        taken[device.type] += leased[device.id]
        shares[device.type] = device.shares
    return [
        GpuView(type=kind, total=total[kind], free=total[kind] - taken[kind], shares=shares[kind])
        for kind in total
    ]
