"""Reports of homes and shared folders: what they hold, may hold, and who sees to it."""

from __future__ import annotations

import asyncio

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from dsw.plan import HOME
from dsw.plan import SHARED as SHARED_PATH
from dsw.usage import FolderUse, StorageQuery, StorageReport
from dsw_control.access import not_from_an_instance
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.records import folder_limits
from dsw_control.records.storage import SHARED, Scope
from dsw_control.records.usage import scope_of
from dsw_control.store.tables import StorageProject, StorageUse, Workspace

Key = tuple[str, str]
"""A workspace's id and an owner."""


async def storage_report(control: Control, caller: Caller, query: StorageQuery) -> StorageReport:
    """The caller's own homes and the shared folders, or all where they may read that."""
    not_from_an_instance(caller)
    async with control.db.read() as session:
        scope = await scope_of(session, caller, query)
        measured = await _use(session, scope)
        projects = await _projects(session, scope)
        rows = await session.execute(select(Workspace.id, Workspace.name))
        names = dict(rows.all())
    why_not = await asyncio.to_thread(folder_limits.why_not, control)
    kept = {} if why_not else await asyncio.to_thread(_kept, control, projects)
    folders = [
        FolderUse(
            workspace=names[key[0]],
            owner=key[1],
            path=HOME if key[1] else SHARED_PATH,
            used=kept.get(key, row and row.size),
            limit=folder_limits.limit_of(control.settings, key[1]),
            enforced=key in kept,
            measured_at=row and row.measured_at,
        )
        for key in {*measured, *projects}
        if key[0] in names
        for row in [measured.get(key)]
    ]
    folders.sort(key=lambda each: (each.workspace, each.owner))
    return StorageReport(why_not=why_not, folders=folders)


async def _use(session: AsyncSession, scope: Scope) -> dict[Key, StorageUse]:
    query = select(StorageUse).where(*_whose(scope, StorageUse.workspace_id, StorageUse.owner))
    return {(row.workspace_id, row.owner): row for row in await session.scalars(query)}


async def _projects(session: AsyncSession, scope: Scope) -> dict[Key, int]:
    conditions = _whose(scope, StorageProject.workspace_id, StorageProject.owner)
    found = await session.scalars(select(StorageProject).where(*conditions))
    return {(row.workspace_id, row.owner): row.number for row in found}


def _whose(
    scope: Scope, workspace_id: InstrumentedAttribute[str], owner: InstrumentedAttribute[str]
) -> list[ColumnElement[bool]]:
    """The folders of a scope; what a workspace shares is everybody's."""
    conditions = Scope(scope.workspaces).of(workspace_id, owner)
    return conditions if scope.owner is None else [*conditions, owner.in_([scope.owner, SHARED])]


def _kept(control: Control, projects: dict[Key, int]) -> dict[Key, int]:
    """Bytes in the folders whose limit the file system enforces as it should be."""
    kept = {}
    for (workspace_id, owner), number in projects.items():
        try:
            held = folder_limits.held(control, workspace_id, owner, number)
        except OSError:
            continue
        limit = folder_limits.limit_of(control.settings, owner)
        if limit is not None and limit <= held.limit < limit + 1024:
            kept[workspace_id, owner] = held.used
    return kept
