"""The question "may this caller do that here?", asked by every use case and answered by the role
table. What a caller may not know of looks as if it did not exist."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.base import Model
from dsw.errors import Forbidden, NotFound
from dsw.roles import PLATFORM, READ_ONLY, Action, Role, actions_of
from dsw_control.auth import Caller
from dsw_control.store.tables import CustomRole, Instance, Member, Workspace


class Standing(Model):
    """What somebody is in a workspace, and what that allows. No roles: they are not in it."""

    roles: frozenset[str] = frozenset()
    actions: frozenset[Action] = frozenset()


async def standing(session: AsyncSession, caller: Caller, workspace_id: str) -> Standing:
    """The caller's standing; a platform administrator is an owner everywhere."""
    found = (
        await session.execute(
            select(Workspace.archived_at, Member)
            .outerjoin(
                Member,
                (Member.workspace_id == Workspace.id) & (Member.username == caller.name),
            )
            .where(Workspace.id == workspace_id)
        )
    ).one_or_none()
    if found is None:
        return Standing()
    archived_at, member = found
    roles = roles_of(member)
    if caller.admin:
        roles |= {Role.OWNER}
    actions = actions_of(roles, await _custom(session, workspace_id, roles))
    if caller.admin:
        actions |= PLATFORM
    if archived_at is not None:
        actions &= READ_ONLY | PLATFORM
    return Standing(roles=roles, actions=actions)


def roles_of(member: Member | None) -> frozenset[str]:
    """The roles that a member has now: none while disabled."""
    if member is None or member.disabled:
        return frozenset()
    return frozenset(member.roles) | frozenset(member.group_roles)


async def _custom(
    session: AsyncSession, workspace_id: str, roles: frozenset[str]
) -> dict[str, frozenset[Action]]:
    names = roles - {role.value for role in Role}
    if not names:
        return {}
    rows = await session.scalars(
        select(CustomRole).where(
            CustomRole.workspace_id == workspace_id, CustomRole.name.in_(names)
        )
    )
    return {row.name: frozenset(Action(action) for action in row.actions) for row in rows}


async def require(
    session: AsyncSession, caller: Caller, workspace_id: str, action: Action
) -> Standing:
    """The caller's standing, when it permits the action; `Forbidden` or `NotFound` otherwise."""
    found = await standing(session, caller, workspace_id)
    if not found.roles:
        raise NotFound("There is no such workspace.", "See GET /workspaces for yours.")
    if action not in found.actions:
        names = ", ".join(sorted(found.roles))
        raise Forbidden(
            f"Your role in this workspace ({names}) does not allow {action.value}.",
            "Ask an admin of the workspace.",
        )
    return found


def require_platform(caller: Caller, action: Action) -> None:
    """`Forbidden` unless the caller is a platform administrator (and `action` is theirs)."""
    not_from_an_instance(caller)
    if not (caller.admin and action in PLATFORM):
        raise Forbidden(
            f"Only platform administrators may do this ({action.value}).",
            "Ask one of them.",
        )


async def visible_instance(
    session: AsyncSession, caller: Caller, instance_id: str, other: Action
) -> Instance:
    """The instance, when it is the caller's own or `other` is permitted; `NotFound` otherwise."""
    row = await session.get(Instance, instance_id)
    if row is None or row.deleted_at is not None or not await _may(session, caller, row, other):
        raise NotFound(f"There is no instance {instance_id!r}.", "See GET /instances for yours.")
    return row


async def _may(session: AsyncSession, caller: Caller, row: Instance, other: Action) -> bool:
    if caller.server is not None and (row.owner, row.name) != (caller.name, caller.server):
        return False
    actions = (await standing(session, caller, row.workspace_id)).actions
    return (Action.INSTANCE_USE_OWN if row.owner == caller.name else other) in actions


def not_from_an_instance(caller: Caller) -> None:
    """An instance's own token reaches that instance only."""
    if caller.server is not None:
        raise Forbidden(
            "The token of an instance cannot do this.", "Use the console, or run: dsw login"
        )
