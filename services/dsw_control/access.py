"""The question "may this caller do that here?", asked by every use case and answered by the role
table. What a caller may not know of looks as if it did not exist."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.errors import Forbidden, NotFound
from dsw.roles import Action, Role, allows
from dsw_control.auth import Caller
from dsw_control.store.tables import Instance, Member


async def roles_in(session: AsyncSession, caller: Caller, workspace_id: str) -> frozenset[Role]:
    """The caller's roles in a workspace; a platform administrator is an owner everywhere."""
    rows = await session.scalars(
        select(Member.role).where(
            Member.workspace_id == workspace_id, Member.username == caller.name
        )
    )
    roles = {Role(role) for role in rows}
    if caller.admin:
        roles.add(Role.OWNER)
    return frozenset(roles)


async def require(session: AsyncSession, caller: Caller, workspace_id: str, action: Action) -> None:
    """`Forbidden` unless one of the caller's roles permits the action in this workspace."""
    roles = await roles_in(session, caller, workspace_id)
    if not roles:
        raise NotFound("There is no such workspace.", "See GET /workspaces for yours.")
    if not allows(roles, action):
        names = ", ".join(sorted(roles))
        raise Forbidden(
            f"Your role in this workspace ({names}) does not allow {action.value}.",
            "Ask an admin of the workspace.",
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
    if caller.server is not None:
        return row.owner == caller.name and row.name == caller.server
    roles = await roles_in(session, caller, row.workspace_id)
    if row.owner == caller.name:
        return allows(roles, Action.INSTANCE_USE_OWN)
    return allows(roles, other)


def not_from_an_instance(caller: Caller) -> None:
    """An instance's own token reaches that instance only."""
    if caller.server is not None:
        raise Forbidden(
            "The token of an instance cannot do this.", "Use the console, or run: dsw login"
        )
