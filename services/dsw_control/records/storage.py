"""What workspaces and users keep: the measured bytes of their folders, and saved images."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from dsw.errors import QuotaExceeded
from dsw.images import ImageSource
from dsw.quota import Quota
from dsw.units import format_size
from dsw.usage import UsageBy
from dsw_control.context import Control
from dsw_control.store.tables import Image, StorageUse, WorkspaceQuota

SHARED = ""
"""The owner of what a workspace shares. Its row is there when the workspace was measured."""


class Scope(NamedTuple):
    """Some workspaces, by id, and one user in them; `None`: all."""

    workspaces: frozenset[str] | None = None
    owner: str | None = None

    def of(
        self, workspace_id: InstrumentedAttribute[Any], owner: InstrumentedAttribute[Any]
    ) -> list[ColumnElement[bool]]:
        """The conditions on a table with these columns."""
        found: list[ColumnElement[bool]] = []
        if self.workspaces is not None:
            found.append(workspace_id.in_(self.workspaces))
        if self.owner is not None:
            found.append(owner == self.owner)
        return found


async def storage_by(session: AsyncSession, by: UsageBy, scope: Scope) -> dict[str, int]:
    """Bytes of users (by name) or of workspaces (by id); those that are not measured are left out.

    What a workspace shares is no user's.
    """
    folders = await _folders(session, by, scope)
    images = await _images(session, by, scope)
    return {key: size + images.get(key, 0) for key, size in folders.items() if key}


async def storage_used(session: AsyncSession, workspace_id: str) -> int | None:
    """Bytes of the workspace's folders and saved images; `None` while the folders are unknown."""
    only = Scope(frozenset({workspace_id}))
    return (await storage_by(session, UsageBy.WORKSPACE, only)).get(workspace_id)


async def check_storage(session: AsyncSession, control: Control, workspace_id: str) -> None:
    """`QuotaExceeded` when the workspace keeps as much as it may. Folders that cannot be measured
    count nothing."""
    groups = [group.name for group in control.settings.resource_groups]
    quotas = await session.scalars(
        select(WorkspaceQuota.quota).where(
            WorkspaceQuota.workspace_id == workspace_id, WorkspaceQuota.resource_group.in_(groups)
        )
    )
    allowed = [Quota.model_validate(quota).storage for quota in quotas]
    strictest = min((size for size in allowed if size is not None), default=None)
    if strictest is None:
        return
    only = Scope(frozenset({workspace_id}))
    folders = await _folders(session, UsageBy.WORKSPACE, only)
    images = await _images(session, UsageBy.WORKSPACE, only)
    used = folders.get(workspace_id, 0) + images.get(workspace_id, 0)
    if used >= strictest:
        minutes = control.settings.storage.measure_minutes
        again = f" (measured every {minutes} minutes)" if folders else ""
        raise QuotaExceeded(
            f"The workspace keeps {format_size(used)}, and may keep {format_size(strictest)}.",
            f"Delete saved images, or files in /mnt/workspace and /mnt/shared{again}. Instances "
            "that exist can still be started.",
        )


async def _folders(session: AsyncSession, by: UsageBy, scope: Scope) -> dict[str, int]:
    key = StorageUse.owner if by is UsageBy.USER else StorageUse.workspace_id
    query = select(key, func.sum(StorageUse.size)).group_by(key)
    rows = await session.execute(query.where(*scope.of(StorageUse.workspace_id, StorageUse.owner)))
    return {found: int(size) for found, size in rows}


async def _images(session: AsyncSession, by: UsageBy, scope: Scope) -> dict[str, int]:
    key = Image.owner if by is UsageBy.USER else Image.workspace_id
    query = select(key, func.sum(Image.size)).group_by(key)
    kept = (Image.source == ImageSource.SNAPSHOT, Image.retired_at.is_(None))
    rows = await session.execute(query.where(*kept, *scope.of(Image.workspace_id, Image.owner)))
    return {found: int(size or 0) for found, size in rows if found is not None}
