"""Reports of use: whose a caller may read, added up over the stored intervals."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.errors import Forbidden, Invalid
from dsw.moments import month_until
from dsw.roles import Action
from dsw.usage import StorageQuery, Totals, UsageBy, UsageLine, UsageQuery, UsageReport
from dsw_control.access import not_from_an_instance, readable_workspaces, require
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.records.intervals import Window, bundles
from dsw_control.records.storage import Scope, storage_by
from dsw_control.store.tables import Allocation, Workspace
from dsw_control.tenancy import workspaces

LONGEST = timedelta(days=366)


async def usage_report(control: Control, caller: Caller, query: UsageQuery) -> UsageReport:
    """What was used in the window: the caller's own, or all where they may read that."""
    not_from_an_instance(caller)
    window = _window(query, control.clock())
    totals = Totals(query.by)
    storage: dict[str, int] = {}
    async with control.db.read() as session:
        scope = await scope_of(session, caller, query)
        conditions = scope.of(Allocation.workspace_id, Allocation.owner)
        if query.resource_group is not None:
            conditions.append(Allocation.resource_group == query.resource_group)
        elif query.by in (UsageBy.USER, UsageBy.WORKSPACE):
            storage = await storage_by(session, query.by, scope)
        async for bundle in bundles(session, query.by, window, conditions):
            totals.add(bundle)
        names = await _names(session, query.by)
    lines = [
        totals.line(key, names.get(key, key), storage.get(key)) for key in {*totals.keys, *storage}
    ]
    return UsageReport(
        since=window.since, until=window.until, by=query.by, lines=sorted(lines, key=_order)
    )


def _order(line: UsageLine) -> str:
    return line.key


def _window(query: UsageQuery, now: datetime) -> Window:
    until = query.until or now
    since = query.since or month_until(until)
    if since >= until:
        raise Invalid("The window ends before it begins.", "Let `since` be before `until`.")
    if until - since > LONGEST:
        raise Invalid(
            f"At most {LONGEST.days} days can be asked for at once.", "Ask for one year at a time."
        )
    return Window(since, until, now)


async def scope_of(session: AsyncSession, caller: Caller, query: StorageQuery) -> Scope:
    """Which workspaces and whose use the answer is about; `Forbidden` for another's use that the
    caller may not read."""
    if query.workspace is None:
        everything, mine = caller.admin, None
        if not everything:
            mine = await readable_workspaces(session, caller, Action.USAGE_READ_OWN)
        _check_user(caller, query, everything)
        return Scope(mine, query.user if everything else caller.name)
    workspace = await workspaces.find(session, caller, query.workspace)
    found = await require(session, caller, workspace.id, Action.USAGE_READ_OWN)
    everything = Action.USAGE_READ in found.actions
    _check_user(caller, query, everything, workspace.id)
    return Scope(frozenset({workspace.id}), query.user if everything else caller.name)


def _check_user(
    caller: Caller, query: StorageQuery, everything: bool, workspace_id: str | None = None
) -> None:
    if not everything and query.user not in (None, caller.name):
        raise Forbidden(
            "You may see your own use only.",
            "Name a workspace in which your role allows usage.read.",
        ).about(workspace_id)


async def _names(session: AsyncSession, by: UsageBy) -> dict[str, str]:
    """Names of workspaces by their ids, where these are the keys."""
    if by is not UsageBy.WORKSPACE:
        return {}
    rows = await session.execute(select(Workspace.id, Workspace.name))
    return dict(rows.all())
