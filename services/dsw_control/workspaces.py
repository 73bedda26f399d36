"""Workspaces: the default one, its members, and who sees which."""

from __future__ import annotations

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.errors import Invalid, NotFound
from dsw.names import new_id
from dsw.roles import Role
from dsw.workspaces import WorkspaceView
from dsw_control.access import roles_in
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.store.tables import Member, Workspace


async def ensure_default(control: Control) -> None:
    """The default workspace as `dsw.toml` describes it, made or brought up to date."""
    wanted = control.settings.workspace
    async with control.db.write() as session:
        row = await _by_name(session, wanted.name)
        if row is None:
            row = Workspace(id=new_id("ws"), name=wanted.name, created_at=control.clock())
            session.add(row)
        row.display_name = wanted.display_name
        row.sudo = wanted.sudo
        row.quota = wanted.quota.model_dump(mode="json")


async def welcome(control: Control, username: str) -> None:
    """A user seen for the first time becomes a developer of the default workspace."""
    async with control.db.read() as session:
        known = await session.scalar(select(Member).where(Member.username == username).limit(1))
    if known is not None:
        return
    async with control.db.write() as session:
        row = await _by_name(session, control.settings.workspace.name)
        if row is not None:
            member = Member(workspace_id=row.id, username=username, role=Role.DEVELOPER)
            await session.merge(member)


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
        if row is None or not await roles_in(session, caller, row.id):
            raise NotFound(f"There is no workspace {key[:80]!r}.", "See GET /workspaces for yours.")
        return row
    rows = (await session.scalars(select(Workspace).order_by(Workspace.created_at))).all()
    mine = [row for row in rows if await roles_in(session, caller, row.id)]
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
    return WorkspaceView(
        id=row.id,
        name=row.name,
        display_name=row.display_name,
        sudo=row.sudo,
        roles=sorted(await roles_in(session, caller, row.id)),
        created_at=row.created_at,
    )
