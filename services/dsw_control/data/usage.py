"""Which instances have a dataset: mounted now, or at their next start."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.datasets import DatasetUse
from dsw_control.access import known_instances, not_from_an_instance
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.data.datasets import seen
from dsw_control.store.tables import Dataset, Instance, Mount


async def usage_of(control: Control, caller: Caller, dataset_id: str) -> DatasetUse:
    """Who has it: by name as far as the caller may read instances, the others counted."""
    not_from_an_instance(caller)
    async with control.db.read() as session:
        names, others = await users_of(session, caller, await seen(session, caller, dataset_id))
    return DatasetUse(instances=names, others=others)


async def users_of(session: AsyncSession, caller: Caller, row: Dataset) -> tuple[list[str], int]:
    """The instances that have it, as `owner/name`, and how many the caller may not know."""
    found = await session.execute(
        select(Instance.owner, Instance.name, Instance.workspace_id)
        .join(Mount, Mount.instance_id == Instance.id)
        .where(Mount.dataset_id == row.id, Mount.ended_at.is_(None), Instance.deleted_at.is_(None))
        .distinct()
        .order_by(Instance.owner, Instance.name)
    )
    return await known_instances(session, caller, found)
