"""Who may enter which instance by SSH: its owner and full visitors, as long as their roles say so.

Nobody enters by administrating something: what is in an instance is its owner's to show.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.errors import NotFound
from dsw.roles import Action, actions_of
from dsw.sharing import Access
from dsw_control.access import custom_actions, roles_of, standing, standings
from dsw_control.auth import Caller
from dsw_control.store.tables import Instance, Member, Workspace
from dsw_control.visitors import visits, visits_of

NEEDED = frozenset({Action.INSTANCE_USE_OWN, Action.INSTANCE_SSH})


async def enterable(
    session: AsyncSession, username: str, *which: ColumnElement[bool]
) -> Sequence[tuple[Instance, Access | None]]:
    """The instances that this user may enter now, newest first, with their access as a visitor."""
    found = await standings(session, Caller(name=username))
    places = [key for key, one in found.items() if one.actions >= NEEDED]
    shared = await visits_of(session, username, *which)
    full = [key for key, access in shared.items() if access[username] is Access.FULL]
    rows = await session.scalars(
        select(Instance)
        .where(
            Instance.deleted_at.is_(None),
            Instance.workspace_id.in_(places),
            or_(Instance.owner == username, Instance.id.in_(full)),
            *which,
        )
        .order_by(Instance.created_at.desc(), Instance.id.desc())
    )
    return [(row, None if row.owner == username else Access.FULL) for row in rows]


async def may_enter(session: AsyncSession, username: str, instance_id: str) -> bool:
    """Whether this user may enter this instance now."""
    return bool(await enterable(session, username, Instance.id == instance_id))


async def entrants(session: AsyncSession, row: Instance) -> list[str]:
    """All who may enter this instance now, by name: `may_enter` seen from the other side."""
    workspace = await session.get(Workspace, row.workspace_id)
    if workspace is None or workspace.archived_at is not None or row.deleted_at is not None:
        return []
    found = (await visits(session, Instance.id == row.id)).get(row.id, {})
    names = [row.owner, *(name for name, access in found.items() if access is Access.FULL)]
    members = (
        await session.scalars(
            select(Member).where(
                Member.workspace_id == row.workspace_id, Member.username.in_(names)
            )
        )
    ).all()
    roles = {member.username: roles_of(member) for member in members}
    every = frozenset[str]().union(*roles.values())
    custom = (await custom_actions(session, {row.workspace_id: every})).get(row.workspace_id)
    return sorted(name for name, own in roles.items() if actions_of(own, custom) >= NEEDED)


async def find(session: AsyncSession, username: str, key: str) -> Instance:
    """The instance that the user means: an id, the name of one's own, or `OWNER/NAME`.

    What they may not enter looks as if it did not exist, unless it is their own: then `Forbidden`
    or `Conflict` says what stands in the way.
    """
    named = _named(username, key)
    # Somebody's own instance may be called like the id of another's, which is none of theirs.
    rows = [row for row, _ in await enterable(session, username, named)]
    if rows:
        return next((row for row in rows if row.id == key), rows[0])
    row = await session.scalar(
        select(Instance)
        .where(Instance.deleted_at.is_(None), named)
        .order_by((Instance.owner == username).desc())
    )
    if row is not None and row.owner == username:
        found = await standing(session, Caller(name=username), row.workspace_id)
        for action in sorted(NEEDED if found.roles else ()):
            found.check(action)
    error = NotFound(
        f"There is no instance {key[:80]!r} that you may enter.",
        "Name one of yours, or OWNER/NAME of one that is shared with you with full access.",
    )
    raise error if row is None else error.about(row.workspace_id, row.id)


def _named(username: str, key: str) -> ColumnElement[bool]:
    owner, slash, name = key.rpartition("/")
    if slash:
        return (Instance.owner == owner) & (Instance.name == name)
    return ((Instance.owner == username) & (Instance.name == key)) | (Instance.id == key)
