"""Who may read which part of the audit log."""

from __future__ import annotations

from collections.abc import AsyncIterator

from sqlalchemy import Select, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.audit import AuditQuery, AuditView
from dsw.roles import Action
from dsw_control.access import not_from_an_instance, require, require_platform
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.store.paging import Key, PageRequest, paged
from dsw_control.store.tables import AuditEntry
from dsw_control.tenancy import workspaces

BATCH = 1000
_NEWEST_FIRST: tuple[Key, ...] = ((AuditEntry.id, True),)


async def list_audit(
    control: Control, caller: Caller, query: AuditQuery, page: PageRequest
) -> tuple[list[AuditView], str | None]:
    """One page of the log, the newest line first."""
    async with control.db.read() as session:
        asked = await _readable(session, caller, query)
        rows, following = await paged(session, asked, _NEWEST_FIRST, page)
        return [_view(row) for row in rows], following


async def export_audit(
    control: Control, caller: Caller, query: AuditQuery
) -> AsyncIterator[list[AuditView]]:
    """All lines in batches; refused before the first one, and no transaction waits for a reader."""
    async with control.db.read() as session:
        asked = await _readable(session, caller, query)
    return _batches(control, asked)


async def _batches(control: Control, asked: Select[AuditEntry]) -> AsyncIterator[list[AuditView]]:
    page: PageRequest | None = PageRequest(limit=BATCH)
    while page is not None:
        async with control.db.read() as session:
            rows, following = await paged(session, asked, _NEWEST_FIRST, page)
        yield [_view(row) for row in rows]
        page = None if following is None else PageRequest(limit=BATCH, cursor=following)


async def _readable(session: AsyncSession, caller: Caller, query: AuditQuery) -> Select[AuditEntry]:
    """The lines that are asked for, when the caller may read them."""
    not_from_an_instance(caller)
    asked = select(AuditEntry)
    if query.workspace is None:
        require_platform(caller, Action.PLATFORM_READ)
    else:
        workspace = await workspaces.find(session, caller, query.workspace)
        await require(session, caller, workspace.id, Action.AUDIT_READ)
        asked = asked.where(AuditEntry.workspace_id == workspace.id)
    if query.actor is not None:
        asked = asked.where(
            or_(AuditEntry.actor == query.actor, AuditEntry.on_behalf_of == query.actor)
        )
    for column, value in (
        (AuditEntry.action, query.action),
        (AuditEntry.object_id, query.object),
        (AuditEntry.outcome, query.outcome),
    ):
        if value is not None:
            asked = asked.where(column == value)
    if query.since is not None:
        asked = asked.where(AuditEntry.at >= query.since)
    if query.until is not None:
        asked = asked.where(AuditEntry.at < query.until)
    return asked


def _view(row: AuditEntry) -> AuditView:
    view = AuditView.model_validate(row)
    if row.platform_admin:
        return view.model_copy(update={"detail": view.detail | {"platform_admin": True}})
    return view
