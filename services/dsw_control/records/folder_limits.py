"""How much homes and shared folders may hold, and whether the file system sees to it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import structlog
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from dsw.names import slug
from dsw.settings import Settings
from dsw_control.context import Control
from dsw_control.records import project_quotas
from dsw_control.records.disk_use import OnFolder
from dsw_control.store.tables import StorageProject

FIRST_PROJECT = 1_000_000
"""Smaller numbers are the operator's, and the container engine's."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

log = structlog.get_logger()


def folder_of(workspace_id: str, owner: str) -> str:
    """Where a user's home, or without an owner the shared folder, is below the NAS root."""
    return f"{workspace_id}/home/{slug(owner)}" if owner else f"{workspace_id}/shared"


def limit_of(settings: Settings, owner: str) -> int | None:
    """Bytes that such a folder may have."""
    return settings.storage.home_quota if owner else settings.storage.shared_quota


def why_not(control: Control) -> str:
    """Why limits cannot be enforced; empty: they are. Blocks."""
    settings = control.settings
    if settings.storage.kind == "nfs":
        return "the engine mounts the NAS from an NFS server: set quotas there"
    if not control.engine.isolated:
        return "instances are local processes and not kept from anything"
    try:
        root = os.open(settings.nas_root, _FOLDER & ~os.O_NOFOLLOW)
    except OSError as error:
        return f"the NAS root cannot be opened ({error.strerror})"
    try:
        return project_quotas.why_not(root)
    finally:
        os.close(root)


async def hold(control: Control, workspace_id: str, owner: str) -> int | None:
    """Give a folder its limit on the file system; the number of its project.

    `None`, and nothing is done, where limits cannot be enforced or the folder is not there, and for
    a folder that has no limit and never had one. What was in it before is brought into the project
    by the next measurement.
    """
    number = await _number(control, workspace_id, owner)
    if number is None:
        return None
    limit = limit_of(control.settings, owner) or 0
    path = Path(control.settings.nas_root) / folder_of(workspace_id, owner)
    try:
        await asyncio.to_thread(_limit, path, number, limit)
    except FileNotFoundError:
        return None
    except OSError as error:
        log.warning("a folder has no limit", folder=str(path), error=str(error))
        return None
    return number


def held(control: Control, workspace_id: str, owner: str, number: int) -> project_quotas.Held:
    """What the file system knows of a folder that has a project; nothing of one that is not in
    it. Blocks; `OSError`."""
    path = Path(control.settings.nas_root) / folder_of(workspace_id, owner)
    folder = os.open(path, _FOLDER)
    try:
        if project_quotas.project_of(folder) != number:
            return project_quotas.Held(0, 0, 0)
        return project_quotas.held(folder, number)
    finally:
        os.close(folder)


async def _number(control: Control, workspace_id: str, owner: str) -> int | None:
    key = (workspace_id, owner)
    async with control.db.read() as session:
        row = await session.get(StorageProject, key)
    if row is None and limit_of(control.settings, owner) is None:
        return None
    if await asyncio.to_thread(why_not, control):
        return None
    while row is None:
        async with control.db.read() as session:
            last = await session.scalar(select(func.max(StorageProject.number)))
        number = await asyncio.to_thread(_free, control, max(last or 0, FIRST_PROJECT - 1) + 1)
        try:
            async with control.db.write() as session:
                session.add(StorageProject(workspace_id=workspace_id, owner=owner, number=number))
        except IntegrityError:
            # Another start was quicker: for this folder, or with this number.
            pass
        async with control.db.read() as session:
            row = await session.get(StorageProject, key)
    return row.number


def _free(control: Control, number: int) -> int:
    """The first number from this one on that the file system does not use for anything else."""
    root = os.open(control.settings.nas_root, _FOLDER & ~os.O_NOFOLLOW)
    try:
        while any(project_quotas.held(root, number)):
            number += 1
        return number
    finally:
        os.close(root)


def _limit(path: Path, number: int, limit: int) -> None:
    folder = os.open(path, _FOLDER)
    try:
        project_quotas.set_limit(folder, number, limit)
        project_quotas.claim(folder, number)
    finally:
        os.close(folder)


def claiming(number: int | None) -> OnFolder | None:
    """What `disk_use` does with each folder, so that old content counts for the project too."""
    if number is None:
        return None

    def claim(folder: int) -> None:
        try:
            project_quotas.claim(folder, number)
        except OSError as error:
            log.info("a folder stays out of its project", project=number, error=str(error))

    return claim
