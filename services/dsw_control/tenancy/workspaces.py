"""Workspaces: the default one, its members, and who sees which."""

from __future__ import annotations

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.errors import Invalid, NotFound
from dsw.names import new_id
from dsw.workspaces import Policy, WorkspaceView
from dsw_control.access import standing
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.store.tables import Member, User, Workspace, WorkspaceQuota


async def ensure_default(control: Control) -> None:
    """The default workspace, made as `dsw.toml` describes it when there is none of its name."""
    wanted = control.settings.workspace
    async with control.db.write() as session:
        row = await _by_name(session, wanted.name)
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
    async with control.db.write() as session:
        if await session.get(User, username) is not None:
            return
        session.add(User(name=username, seen_at=control.clock()))
        row = await _by_name(session, control.settings.workspace.name)
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


async def list_workspaces(control: Control, caller: Caller) -> list[WorkspaceView]:
    """The workspaces that the caller is a member of; all for a platform administrator."""
    async with control.db.read() as session:
        rows = (await session.scalars(select(Workspace).order_by(Workspace.name))).all()
        views = [await _view(session, caller, row) for row in rows]
    return [view for view in views if view.roles]


async def get_workspace(control: Control, caller: Caller, key: str) -> WorkspaceView:
    """One workspace by id or name."""
    async with control.db.read() as session:
        return await _view(session, caller, await find(session, caller, key))


async def find(session: AsyncSession, caller: Caller, key: str | None) -> Workspace:
    """The workspace with this id or name that the caller is in; without a key, their only one."""
    if key is not None:
        row = await session.scalar(
            select(Workspace).where(or_(Workspace.id == key, Workspace.name == key))
        )
        if row is None or not (await standing(session, caller, row.id)).roles:
            raise NotFound(f"There is no workspace {key[:80]!r}.", "See GET /workspaces for yours.")
        return row
    rows = (await session.scalars(select(Workspace).order_by(Workspace.created_at))).all()
    mine = [row for row in rows if (await standing(session, caller, row.id)).roles]
    if not mine:
        raise NotFound("You are not a member of any workspace.", "Ask an administrator.")
    if len(mine) > 1:
        names = ", ".join(row.name for row in mine)
        raise Invalid("Which workspace is meant?", f"Name one of: {names}.")
    return mine[0]


async def _by_name(session: AsyncSession, name: str) -> Workspace | None:
    row: Workspace | None = await session.scalar(select(Workspace).where(Workspace.name == name))
    return row


async def _view(session: AsyncSession, caller: Caller, row: Workspace) -> WorkspaceView:
    mine = await standing(session, caller, row.id)
    members = await session.scalar(select(func.count()).where(Member.workspace_id == row.id))
    return WorkspaceView(
        id=row.id,
        name=row.name,
        display_name=row.display_name,
        description=row.description,
        policy=Policy.model_validate(row.policy),
        roles=sorted(mine.roles),
        actions=sorted(mine.actions),
        members=members or 0,
        archived_at=row.archived_at,
        created_at=row.created_at,
    )
