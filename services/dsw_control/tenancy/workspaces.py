"""Workspaces: the default one, who sees which, and how they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from sqlalchemy import func, select, true
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.errors import Invalid, NotFound
from dsw.names import new_id
from dsw.roles import Action
from dsw.workspaces import Policy, RegistryPut, WorkspaceView
from dsw_control.access import (
    Standing,
    not_from_an_instance,
    readable_workspaces,
    require,
    standing,
    standings,
)
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.records.audit import record
from dsw_control.store.paging import PageRequest, paged
from dsw_control.store.tables import Member, User, Workspace, WorkspaceQuota


async def ensure_default(control: Control) -> None:
    """The default workspace, made as `dsw.toml` describes it when there is none of its name."""
    wanted = control.settings.workspace
    async with control.db.write() as session:
        row = await by_name(session, wanted.name)
        if row is None:
            row = Workspace(
                id=new_id("ws"),
                name=wanted.name,
                display_name=wanted.display_name,
                description="",
                policy=wanted.policy.model_dump(mode="json"),
                created_at=control.clock(),
            )
            session.add(row)
            give_quotas(session, control, row.id)


def give_quotas(session: AsyncSession, control: Control, workspace_id: str) -> None:
    """A new workspace may use each resource group as `[quota]` of `dsw.toml` says."""
    quota = control.settings.quota.model_dump(mode="json")
    session.add_all(
        WorkspaceQuota(workspace_id=workspace_id, resource_group=group.name, quota=quota)
        for group in control.settings.resource_groups
    )


async def welcome(control: Control, username: str) -> None:
    """A user seen for the first time becomes a member of the default workspace."""
    async with control.db.read() as session:
        if await session.get(User, username) is not None:
            return
    with suppress(IntegrityError):  # Two requests at once: the other one welcomes.
        await _welcome(control, username)


async def _welcome(control: Control, username: str) -> None:
    async with control.db.write() as session:
        if await session.get(User, username) is not None:
            return
        session.add(User(name=username, seen_at=control.clock()))
        await session.flush()
        row = await by_name(session, control.settings.workspace.name)
        roles = control.settings.workspace.welcome_roles
        if row is not None and roles and await session.get(Member, (row.id, username)) is None:
            session.add(
                Member(
                    workspace_id=row.id,
                    username=username,
                    roles=list(roles),
                    group_roles=[],
                    added_at=control.clock(),
                )
            )
            target = (username, row.id)
            record(session, control, None, Action.MEMBER_MANAGE, target, did="welcome")


async def list_workspaces(
    control: Control, caller: Caller, page: PageRequest
) -> tuple[list[WorkspaceView], str | None]:
    """Those that the caller is a member of, by name; all for a platform administrator."""
    not_from_an_instance(caller)
    async with control.db.read() as session:
        mine = await readable_workspaces(session, caller, Action.WORKSPACE_READ)
        query = select(Workspace).where(true() if mine is None else Workspace.id.in_(mine))
        rows, cursor = await paged(session, query, [(Workspace.name, False)], page)
        return await views_of(session, caller, rows), cursor


async def get_workspace(control: Control, caller: Caller, key: str) -> WorkspaceView:
    """One workspace by id or name."""
    not_from_an_instance(caller)
    async with control.db.read() as session:
        row = await find(session, caller, key)
        await require(session, caller, row.id, Action.WORKSPACE_READ)
        return await view_of(session, caller, row)


async def find(session: AsyncSession, caller: Caller, key: str | None) -> Workspace:
    """The workspace with this id or name that the caller is in; without a key, their only one."""
    if key is None:
        return await _only_one(session, caller)
    row = await session.get(Workspace, key) or await by_name(session, key)
    if row is None or not (await standing(session, caller, row.id)).roles:
        raise _no_workspace(key).about(None if row is None else row.id)
    return row


def _no_workspace(key: str) -> NotFound:
    return NotFound(f"There is no workspace {key[:80]!r}.", "See GET /workspaces for yours.")


async def _only_one(session: AsyncSession, caller: Caller) -> Workspace:
    mine = list(await standings(session, caller))
    if not mine:
        raise NotFound("You are not a member of any workspace.", "Ask an administrator.")
    rows = (await session.scalars(select(Workspace).where(Workspace.id.in_(mine)))).all()
    if len(rows) > 1:
        names = ", ".join(sorted(row.name for row in rows))
        raise Invalid("Which workspace is meant?", f"Name one of: {names}.")
    return rows[0]


async def locked(session: AsyncSession, caller: Caller, key: str, action: Action) -> Workspace:
    """The workspace, when the caller may do this there; until the commit nobody else changes it,
    its members or its roles."""
    row = await lock(session, await find(session, caller, key))
    (await standing(session, caller, row.id)).check(action)
    return row


async def lock(session: AsyncSession, row: Workspace) -> Workspace:
    """The workspace as it is now, for this transaction alone; `NotFound` when it was deleted
    meanwhile."""
    found = await session.get(Workspace, row.id, with_for_update=True, populate_existing=True)
    if found is None:
        raise _no_workspace(row.name)
    return found


async def by_name(session: AsyncSession, name: str) -> Workspace | None:
    """The workspace of this name, whoever asks."""
    row: Workspace | None = await session.scalar(select(Workspace).where(Workspace.name == name))
    return row


async def view_of(session: AsyncSession, caller: Caller, row: Workspace) -> WorkspaceView:
    """A workspace as the caller sees it."""
    (view,) = await views_of(session, caller, [row])
    return view


async def views_of(
    session: AsyncSession, caller: Caller, rows: Sequence[Workspace]
) -> list[WorkspaceView]:
    """Workspaces as the caller sees them, in a few queries however many they are."""
    mine = await standings(session, caller, rows[0].id if len(rows) == 1 else None)
    counted = await session.execute(
        select(Member.workspace_id, func.count())
        .where(Member.workspace_id.in_([row.id for row in rows]))
        .group_by(Member.workspace_id)
    )
    members = dict(counted.all())
    return [_view(row, mine.get(row.id, Standing()), members.get(row.id, 0)) for row in rows]


def _registry(row: Workspace) -> RegistryPut | None:
    return None if row.image_registry is None else RegistryPut.model_validate(row.image_registry)


def _view(row: Workspace, mine: Standing, members: int) -> WorkspaceView:
    return WorkspaceView(
        id=row.id,
        name=row.name,
        display_name=row.display_name,
        description=row.description,
        policy=Policy.model_validate(row.policy),
        registry=_registry(row),
        roles=sorted(mine.roles),
        actions=sorted(mine.actions),
        members=members,
        archived_at=row.archived_at,
        created_at=row.created_at,
    )
