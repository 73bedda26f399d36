"""What is held by nothing that runs: given back, should a crash or a mended database leave any."""

from __future__ import annotations

import structlog
from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.instances import AT_REST, Desired
from dsw_control.capacity.admission import release
from dsw_control.context import Control
from dsw_control.store.tables import Allocation, GpuLease, Instance

log = structlog.get_logger()


async def reap(control: Control) -> None:
    """Give back what instances that are at rest, deleted or unknown still hold."""
    async with control.db.read() as session:
        left = await _left(session)
    if not left:
        return
    async with control.db.write() as session:
        for holder_id in await _left(session):
            log.warning("giving back what nothing holds", holder=holder_id)
            await release(session, control, holder_id)
    control.wake_queue.set()


async def _left(session: AsyncSession) -> set[str]:
    at_rest = (Instance.state.in_([state.value for state in AT_REST])) & (
        Instance.desired == Desired.STOPPED
    )
    nothing_runs = or_(Instance.id.is_(None), Instance.deleted_at.is_not(None), at_rest)
    allocations = await session.scalars(
        select(Allocation.holder_id)
        .outerjoin(Instance, Instance.id == Allocation.holder_id)
        .where(Allocation.ended_at.is_(None), Allocation.kind == "instance", nothing_runs)
    )
    leases = await session.scalars(
        select(GpuLease.holder_id).where(
            GpuLease.holder_id.not_in(
                select(Allocation.holder_id).where(Allocation.ended_at.is_(None))
            )
        )
    )
    return {*allocations, *leases}
