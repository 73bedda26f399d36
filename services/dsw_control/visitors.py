"""Who may use which instance besides its owner: shares and membership seen together."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.roles import Action, actions_of
from dsw.sharing import EVERYBODY, Access, visitors
from dsw_control.access import custom_actions, roles_of
from dsw_control.store.tables import Instance, Member, Share, User, Workspace

Visits = dict[str, dict[str, Access]]
"""By instance id: who may use it, and how far."""


@dataclass(frozen=True)
class Given:
    """What decides who may use the instances: shares by instance (its id, owner and workspace),
    and by workspace its members and whether they may run instances themselves."""

    shares: dict[tuple[str, str, str], list[tuple[str, Access]]]
    members: dict[str, dict[str, bool]]

    def visits(self) -> Visits:
        """Who may use them."""
        return {
            instance_id: visitors(owner, shares, self.members.get(workspace_id, {}))
            for (instance_id, owner, workspace_id), shares in self.shares.items()
        }


async def given(session: AsyncSession, *where: ColumnElement[bool]) -> Given:
    """All that decides who visits the shared instances that fulfil the conditions."""
    return await _given(session, None, where)


async def visits(session: AsyncSession, *where: ColumnElement[bool]) -> Visits:
    """All visitors of the shared instances that fulfil the conditions."""
    return (await given(session, *where)).visits()


async def visits_of(session: AsyncSession, user: str, *where: ColumnElement[bool]) -> Visits:
    """The instances that are shared with this user."""
    mine = select(Member.workspace_id).where(Member.username == user)
    conditions = (Share.username.in_((user, EVERYBODY)), Instance.workspace_id.in_(mine), *where)
    found = (await _given(session, user, conditions)).visits()
    return {key: {user: access[user]} for key, access in found.items() if user in access}


async def _given(
    session: AsyncSession, only: str | None, where: Collection[ColumnElement[bool]]
) -> Given:
    """`only`: nobody but this user is looked at."""
    rows = await session.execute(
        select(
            Share.instance_id,
            Share.username,
            Share.access,
            Instance.owner,
            Instance.workspace_id,
        )
        .join(Instance, Instance.id == Share.instance_id)
        .join(Workspace, Workspace.id == Instance.workspace_id)
        .where(Instance.deleted_at.is_(None), Workspace.archived_at.is_(None), *where)
        .order_by(Share.id)
    )
    shares: dict[tuple[str, str, str], list[tuple[str, Access]]] = {}
    for instance_id, user, access, owner, workspace_id in rows:
        key = (instance_id, owner, workspace_id)
        shares.setdefault(key, []).append((user, Access(access)))
    names = None if only is None else {only, *(owner for _, owner, _ in shares)}
    members = await _members(session, {workspace_id for *_, workspace_id in shares}, names)
    return Given(shares=shares, members=members)


async def _members(
    session: AsyncSession, workspaces: Collection[str], names: Collection[str] | None
) -> dict[str, dict[str, bool]]:
    """By workspace: its members who were ever seen here, and whether they may run instances."""
    if not workspaces:
        return {}
    query = select(Member).join(User, User.name == Member.username)
    query = query.where(Member.workspace_id.in_(workspaces))
    if names is not None:
        query = query.where(Member.username.in_(names))
    rows = (await session.scalars(query)).all()
    every: dict[str, frozenset[str]] = {}
    for row in rows:
        every[row.workspace_id] = every.get(row.workspace_id, frozenset()) | roles_of(row)
    custom = await custom_actions(session, every)
    found: dict[str, dict[str, bool]] = {}
    for row in rows:
        if roles := roles_of(row):
            actions = actions_of(roles, custom.get(row.workspace_id))
            runs = Action.INSTANCE_USE_OWN in actions
            found.setdefault(row.workspace_id, {})[row.username] = runs
    return found
