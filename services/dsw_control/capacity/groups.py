"""Resource groups: what `dsw.toml` says of them, filled up with what the engine's host has."""

from __future__ import annotations

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from dsw import settings
from dsw.errors import DswError, Invalid, Unavailable
from dsw.quota import Amounts
from dsw.resources import Capacity, Device
from dsw.specs import Spec
from dsw_control.context import Control
from dsw_control.store.tables import ResourceGroup

log = structlog.get_logger()


async def refresh(control: Control) -> None:
    """Look at what the engine's host has, and write down what each group has of it."""
    try:
        found = await control.engine.capacity()
    except DswError as error:
        log.warning("capacity not readable", error=error.sentence)
        return
    changed = False
    async with control.db.write() as session:
        for group in control.settings.resource_groups:
            capacity = capacity_of(control.settings, group, found).model_dump(mode="json")
            row = await session.get(ResourceGroup, group.name, with_for_update=True)
            if row is None:
                row = ResourceGroup(name=group.name, capacity={})
                session.add(row)
            if row.capacity != capacity:
                log.info("capacity", resource_group=group.name, **capacity)
                row.capacity, changed = capacity, True
            row.seen_at = control.clock()
    if changed:
        control.wake.set()


def capacity_of(
    conf: settings.Settings, group: settings.ResourceGroup, found: Capacity
) -> Capacity:
    """What a group has: GPUs that `dsw.toml` lists replace those that were found."""
    first = group.name == conf.resource_groups[0].name
    listed = [
        Device(id=gpu.id, type=gpu.type, shares=gpu.shares)
        for gpu in conf.gpus
        if gpu.resource_group == group.name or (first and not gpu.resource_group)
    ]
    discovered = found.devices if first and not conf.gpus else []
    return Capacity(
        cpu=group.cpu or found.cpu,
        memory=group.memory or found.memory,
        devices=listed or discovered,
    )


def group_named(control: Control, name: str) -> settings.ResourceGroup:
    """The group of this name; `Invalid` names those that there are."""
    for group in control.settings.resource_groups:
        if group.name == name:
            return group
    known = ", ".join(group.name for group in control.settings.resource_groups)
    raise Invalid(f"There is no resource group {name[:60]!r}.", f"Choose one of: {known}.")


def offers(group: settings.ResourceGroup, spec_name: str) -> bool:
    """Whether the group offers a spec."""
    return not group.specs or spec_name in group.specs


async def group_for(session: AsyncSession, control: Control, spec: Spec, asked: str | None) -> str:
    """The group that a start with this spec takes: the one asked for, or the first that offers the
    spec and has such GPUs."""
    groups = control.settings.resource_groups
    offering = [group.name for group in groups if offers(group, spec.name)]
    if asked is None:
        if not offering:
            raise Invalid(f"No resource group offers the spec {spec.name!r}.")
        return await _first_with_gpus(session, spec, offering)
    if group_named(control, asked).name not in offering:
        names = ", ".join(offering) or "none"
        raise Invalid(
            f"The resource group {asked!r} does not offer the spec {spec.name!r}.",
            f"Groups that do: {names}.",
        )
    return asked


async def _first_with_gpus(session: AsyncSession, spec: Spec, offering: list[str]) -> str:
    """The first of these groups that has GPUs as the spec wants them, or just the first."""
    for name in offering if spec.gpu and len(offering) > 1 else []:
        row = await session.get(ResourceGroup, name)
        if row is not None and gpu_types(spec, Capacity.model_validate(row.capacity)):
            return name
    return offering[0]


async def lock(session: AsyncSession, name: str) -> Capacity:
    """What the group has, its row locked until the end of the transaction: admissions in it follow
    one another. On SQLite the writing transaction is that lock."""
    row = await session.get(ResourceGroup, name, with_for_update=True)
    if row is None:
        raise Unavailable(
            f"It is not known yet what the resource group {name!r} has.",
            "The engine has to answer first; try again in a moment.",
        )
    return Capacity.model_validate(row.capacity)


def allowed(group: settings.ResourceGroup, capacity: Capacity) -> Amounts:
    """What may be handed out of a group in all; GPUs by type, in shares where they are shared."""
    amounts: Amounts = {
        "cpu": capacity.cpu * group.cpu_overcommit,
        "memory": capacity.memory * group.memory_overcommit,
    }
    for device in capacity.devices:
        key = f"gpu:{device.type}"
        amounts[key] = amounts.get(key, 0) + device.shares
    return amounts


def gpu_types(spec: Spec, capacity: Capacity) -> list[str]:
    """The types of GPU that would do for a spec, in the order of the devices; shared ones only
    when the spec says that it is shared."""
    if not spec.gpu:
        return []
    fitting = [device.type for device in capacity.devices if (device.shares > 1) == spec.gpu_shared]
    return [kind for kind in dict.fromkeys(fitting) if spec.gpu_type in ("", kind)]
