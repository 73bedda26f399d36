"""Admission: what an instance may hold is decided and reserved in one transaction."""

from __future__ import annotations

from collections import Counter

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.errors import QuotaExceeded
from dsw.quota import Quota, Usage, admit
from dsw.specs import Spec
from dsw_control.context import Control
from dsw_control.store.tables import GpuLease, Instance, Workspace


async def reserve(session: AsyncSession, control: Control, row: Instance) -> None:
    """Admit the instance or raise `QuotaExceeded`. Admitting twice reserves once.

    The workspace's row is locked, so that two admissions never see the same free place; on
    SQLite the writing transaction is that lock.
    """
    if row.admitted:
        return
    workspace = await session.get_one(Workspace, row.workspace_id, with_for_update=True)
    spec = Spec.model_validate(row.spec)
    free = await _free_gpus(session, control)
    usage = await _usage(session, row, Counter(free.values()))
    verdict = admit(spec, usage, Quota.model_validate(workspace.quota))
    if not verdict.admitted:
        raise QuotaExceeded(verdict.reason)
    fitting = [device for device, kind in free.items() if spec.gpu_type in ("", kind)]
    # The GPUs of the last time first: the container that was kept is bound to them.
    fitting.sort(key=lambda device: device not in row.gpus)
    row.gpus = sorted(fitting[: spec.gpu])
    session.add_all(GpuLease(device_id=device, instance_id=row.id) for device in row.gpus)
    row.admitted = True


async def release(session: AsyncSession, row: Instance) -> None:
    """Give back all that the instance holds; giving back twice changes nothing."""
    row.admitted = False
    await session.execute(delete(GpuLease).where(GpuLease.instance_id == row.id))


async def leased(session: AsyncSession, instance_id: str) -> list[str]:
    """The GPUs that the instance holds, by device id."""
    rows = await session.scalars(
        select(GpuLease.device_id)
        .where(GpuLease.instance_id == instance_id)
        .order_by(GpuLease.device_id)
    )
    return list(rows)


async def _free_gpus(session: AsyncSession, control: Control) -> dict[str, str]:
    taken = set(await session.scalars(select(GpuLease.device_id)))
    return {gpu.id: gpu.type for gpu in control.settings.gpus if gpu.id not in taken}


async def _usage(session: AsyncSession, row: Instance, free: Counter[str]) -> Usage:
    held = (
        await session.scalars(
            select(Instance.spec).where(
                Instance.workspace_id == row.workspace_id, Instance.admitted.is_(True)
            )
        )
    ).all()
    specs = [Spec.model_validate(spec) for spec in held]
    own = await session.scalar(
        select(func.count()).where(
            Instance.workspace_id == row.workspace_id,
            Instance.owner == row.owner,
            Instance.admitted.is_(True),
        )
    )
    return Usage(
        instances=len(specs),
        instances_of_user=own or 0,
        cpu=sum(spec.cpu for spec in specs),
        memory=sum(spec.memory for spec in specs),
        free_gpus=dict(free),
    )
