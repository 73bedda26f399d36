"""The roles of a workspace: the built-in ones, and its own made of the same actions."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.errors import Conflict, Invalid, NotFound, PreconditionFailed
from dsw.roles import PERMISSIONS, PLATFORM, Action, Role
from dsw.workspaces import RolePut, RoleView
from dsw_control.access import not_from_an_instance, require, standing
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.etags import check_match
from dsw_control.records.audit import record
from dsw_control.store.tables import CustomRole, Member, Workspace
from dsw_control.tenancy.departures import Ended, after_change, announce
from dsw_control.tenancy.members import check_may_give
from dsw_control.tenancy.workspaces import find, locked

MOST = 100
"""How many roles of its own a workspace can have."""

BUILTIN = {
    Role.OWNER: "Everything in the workspace, its roles included.",
    Role.ADMIN: "Members, policy, the queue and everything that members make.",
    Role.DEVELOPER: "Instances, images and code of one's own.",
    Role.OPERATOR: "The queue and its priorities, and who uses what.",
    Role.LABELER: "Reading; labelling data.",
    Role.GUEST: "Reading.",
}


async def list_roles(control: Control, caller: Caller, key: str) -> list[RoleView]:
    """The built-in roles and then the workspace's own, by name."""
    not_from_an_instance(caller)
    async with control.db.read() as session:
        workspace = await find(session, caller, key)
        await require(session, caller, workspace.id, Action.MEMBER_READ)
        rows = await session.scalars(
            select(CustomRole)
            .where(CustomRole.workspace_id == workspace.id)
            .order_by(CustomRole.name)
        )
        own = [_view(row) for row in rows]
    builtin = [
        RoleView(name=role, description=text, builtin=True, actions=sorted(PERMISSIONS[role]))
        for role, text in BUILTIN.items()
    ]
    return builtin + own


async def put_role(
    control: Control,
    caller: Caller,
    key: str,
    name: str,
    body: RolePut,
    if_match: str | None = None,
) -> RoleView:
    """Make or change a role; what its members may no longer do ends at once."""
    not_from_an_instance(caller)
    async with control.db.write() as session:
        workspace = await locked(session, caller, key, Action.ROLE_MANAGE)
        _check_not_builtin(name)
        beyond = sorted(set(body.actions) & PLATFORM)
        if beyond:
            raise Invalid(
                f"No role of a workspace can allow {', '.join(beyond)}.",
                "That is for platform administrators.",
            )
        row = await session.get(CustomRole, (workspace.id, name))
        _check_unchanged(row, if_match)
        concerned = {*body.actions, *([] if row is None else map(Action, row.actions))}
        check_may_give(await standing(session, caller, workspace.id), frozenset(concerned))
        if row is None:
            row = await _new(session, workspace, name)
        row.description, row.actions = body.description, sorted(set(body.actions))
        target = (name, workspace.id)
        record(session, control, caller, Action.ROLE_MANAGE, target, actions=row.actions)
        ended: Ended = []
        for member in await _holders(session, workspace, name):
            ended += await after_change(session, control, workspace, member.username)
    announce(control, ended)
    return _view(row)


async def delete_role(
    control: Control, caller: Caller, key: str, name: str, if_match: str | None = None
) -> None:
    """Delete a role that no member has."""
    not_from_an_instance(caller)
    async with control.db.write() as session:
        workspace = await locked(session, caller, key, Action.ROLE_MANAGE)
        _check_not_builtin(name)
        row = await session.get(CustomRole, (workspace.id, name))
        if row is None:
            raise NotFound(
                f"The workspace {workspace.name!r} has no role {name!r}.",
                f"See GET /workspaces/{workspace.name}/roles.",
            )
        _check_unchanged(row, if_match)
        holders = await _holders(session, workspace, name)
        if holders:
            who = ", ".join(member.username for member in holders[:5])
            raise Conflict(f"The role {name!r} is given to {who}.", "Give them another one first.")
        await session.delete(row)
        target = (name, workspace.id)
        record(session, control, caller, Action.ROLE_MANAGE, target, deleted=True)


def _check_not_builtin(name: str) -> None:
    if name in {role.value for role in Role}:
        raise Conflict(f"{name!r} is a built-in role.", "It is the same in all workspaces.")


def _check_unchanged(row: CustomRole | None, if_match: str | None) -> None:
    if row is not None:
        check_match(if_match, _view(row))
    elif if_match is not None:
        raise PreconditionFailed("There is no such role yet.", "Leave If-Match out to make one.")


async def _new(session: AsyncSession, workspace: Workspace, name: str) -> CustomRole:
    others = await session.scalars(
        select(CustomRole.name).where(CustomRole.workspace_id == workspace.id)
    )
    if len(others.all()) >= MOST:
        raise Conflict(f"The workspace has {MOST} roles of its own.", "Delete one first.")
    row = CustomRole(workspace_id=workspace.id, name=name)
    session.add(row)
    return row


async def _holders(session: AsyncSession, workspace: Workspace, name: str) -> list[Member]:
    """The members who have the role, locked: a start that counts on it is waited for."""
    rows = await session.scalars(
        select(Member)
        .where(Member.workspace_id == workspace.id)
        .order_by(Member.username)
        .with_for_update()
    )
    return [row for row in rows if name in row.roles or name in row.group_roles]


def _view(row: CustomRole) -> RoleView:
    return RoleView(
        name=row.name,
        description=row.description,
        builtin=False,
        actions=[Action(action) for action in row.actions],
    )
