"""The measuring of folders on the NAS: one after the other, as long as it takes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.names import slug
from dsw.settings import Settings
from dsw_control.context import Control
from dsw_control.records.disk_use import disk_use
from dsw_control.records.folder_limits import claiming, folder_of, hold
from dsw_control.records.storage import SHARED
from dsw_control.store.tables import Instance, Member, StorageUse, Workspace

PAUSE = 0.01
"""Seconds between two batches of a folder: users come first."""

log = structlog.get_logger()


def period(settings: Settings) -> float:
    """Seconds between two turns."""
    return (settings.storage.measure_minutes or 24 * 60) * 60


async def measure(control: Control) -> None:
    """Measure all workspaces. Where control cannot see the folders nothing is known of them."""
    storage = control.settings.storage
    root = Path(control.settings.nas_root)
    seen = storage.kind == "host" and storage.measure_minutes > 0
    async with control.db.read() as session:
        ids = list(await session.scalars(select(Workspace.id)))
    if not seen or not await asyncio.to_thread(root.is_dir):
        ids = []
    async with control.db.write() as session:
        await session.execute(delete(StorageUse).where(StorageUse.workspace_id.not_in(ids)))
    for workspace_id in ids:
        await _measure_workspace(control, root / workspace_id, workspace_id)


async def _measure_workspace(control: Control, folder: Path, workspace_id: str) -> None:
    """Write down the folders of a workspace. One that cannot be measured keeps its last size."""
    async with control.db.read() as session:
        homes = {slug(owner): owner for owner in await _owners(session, workspace_id)}
    parts = [("shared", SHARED), ("datasets", SHARED)]
    # A home whose owner nobody knows is still the workspace's.
    names = await asyncio.to_thread(_names, folder / "home")
    parts += [(f"home/{name}", homes.get(name, SHARED)) for name in names]
    limited = {folder_of(workspace_id, owner): owner for owner in (SHARED, *homes.values())}
    found: dict[str, int] = {}
    unknown: set[str] = set()
    for path, owner in parts:
        project = None
        if (limited_path := f"{workspace_id}/{path}") in limited:
            project = await hold(control, workspace_id, limited[limited_path])
        size = await _size(folder / path, project)
        if size is None:
            unknown.add(owner)
        else:
            found[owner] = found.get(owner, 0) + size
    async with control.db.write() as session:
        if await session.get(Workspace, workspace_id) is None:
            return
        gone = StorageUse.owner.not_in({*found, *unknown})
        await session.execute(
            delete(StorageUse).where(StorageUse.workspace_id == workspace_id, gone)
        )
        for owner in found.keys() - unknown:
            await session.merge(
                StorageUse(
                    workspace_id=workspace_id,
                    owner=owner,
                    size=found[owner],
                    measured_at=control.clock(),
                )
            )


async def _owners(session: AsyncSession, workspace_id: str) -> set[str]:
    """Everybody who may have a home in the workspace, also those who have left it."""
    members = select(Member.username).where(Member.workspace_id == workspace_id)
    owners = select(Instance.owner).where(Instance.workspace_id == workspace_id)
    return {*await session.scalars(members), *await session.scalars(owners.distinct())}


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


async def _size(folder: Path, project: int | None) -> int | None:
    """Allocated bytes; 0 when there is no such folder, `None` when it cannot be measured. All of it
    is brought into the project."""
    sizes, size = disk_use(str(folder), claiming(project)), 0
    try:
        while (more := await asyncio.to_thread(next, sizes, None)) is not None:
            size = more
            await asyncio.sleep(PAUSE)
    except FileNotFoundError:
        return 0
    except OSError as error:
        log.warning("a folder was not measured", folder=str(folder), error=str(error))
        return None
    return size
