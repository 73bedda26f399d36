"""What a workspace keeps: the measured bytes of its folders, and its saved images."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.errors import QuotaExceeded
from dsw.images import ImageSource
from dsw.quota import Quota
from dsw.units import format_size
from dsw_control.context import Control
from dsw_control.store.tables import Image, StorageUse, WorkspaceQuota

SHARED = ""
"""The owner of what a workspace shares. Its row is there when the workspace was measured."""


async def storage_used(session: AsyncSession, workspace_id: str) -> int | None:
    """Bytes of the workspace's folders and saved images; `None` while the folders are unknown."""
    folders = await _folders(session, workspace_id)
    return None if folders is None else folders + await _images(session, workspace_id)


async def check_storage(session: AsyncSession, control: Control, workspace_id: str) -> None:
    """`QuotaExceeded` when the workspace keeps as much as it may. Folders that cannot be measured
    count nothing."""
    quotas = await session.scalars(
        select(WorkspaceQuota.quota).where(WorkspaceQuota.workspace_id == workspace_id)
    )
    allowed = [Quota.model_validate(quota).storage for quota in quotas]
    strictest = min((size for size in allowed if size is not None), default=None)
    if strictest is None:
        return
    used = (await _folders(session, workspace_id) or 0) + await _images(session, workspace_id)
    if used >= strictest:
        raise QuotaExceeded(
            f"The workspace keeps {format_size(used)}, and may keep {format_size(strictest)}.",
            "Delete saved images, or files in /mnt/workspace and /mnt/shared (measured again "
            f"within {control.settings.storage.measure_minutes} minutes). Instances that exist "
            "can still be started.",
        )


async def _folders(session: AsyncSession, workspace_id: str) -> int | None:
    of_workspace = StorageUse.workspace_id == workspace_id
    if await session.get(StorageUse, (workspace_id, SHARED)) is None:
        return None
    return int(await session.scalar(select(func.sum(StorageUse.size)).where(of_workspace)) or 0)


async def _images(session: AsyncSession, workspace_id: str) -> int:
    kept = select(func.sum(Image.size)).where(
        Image.workspace_id == workspace_id,
        Image.source == ImageSource.SNAPSHOT,
        Image.retired_at.is_(None),
    )
    return int(await session.scalar(kept) or 0)
