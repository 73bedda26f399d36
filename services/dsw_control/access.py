"""The question "may this caller do that here?", asked by every use case and answered by the role
table. What a caller may not know of looks as if it did not exist."""

from __future__ import annotations

from typing import NoReturn

from sqlalchemy import Result, select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.base import Model
from dsw.errors import Conflict, Forbidden, NotFound
from dsw.images import Visibility
from dsw.roles import PLATFORM, READ_ONLY, Action, Role, actions_of
from dsw_control.auth import Caller
from dsw_control.store.tables import CustomRole, Instance, Member, Workspace


class Standing(Model):
    """What somebody is in a workspace, and what that allows. No roles: they are not in it.

    `withheld` is what their roles would allow if the workspace were not archived.
    """

    workspace_id: str | None = None
    roles: frozenset[str] = frozenset()
    actions: frozenset[Action] = frozenset()
    withheld: frozenset[Action] = frozenset()

    def reads(self, action: Action) -> bool:
        """Whether what this is about may be looked at: an archive takes no reading away."""
        return action in self.actions | self.withheld

    def check(self, action: Action) -> None:
        """`Forbidden`, or `Conflict` where only the archive is in the way, unless it is allowed."""
        if action not in self.actions:
            self._refuse(action)

    def _refuse(self, action: Action) -> NoReturn:
        if action in self.withheld:
            raise Conflict(
                "This workspace is archived and read-only.",
                "A platform administrator can open it again.",
            )
        raise Forbidden(
            f"Your role in this workspace ({', '.join(sorted(self.roles))}) does not allow "
            f"{action.value}.",
            "Ask an admin of the workspace.",
        ).about(self.workspace_id)


async def standing(session: AsyncSession, caller: Caller, workspace_id: str) -> Standing:
    """The caller's standing; a platform administrator is an owner everywhere."""
    return (await standings(session, caller, workspace_id)).get(workspace_id, Standing())


async def standings(
    session: AsyncSession, caller: Caller, only: str | None = None
) -> dict[str, Standing]:
    """The caller's standing in each workspace that they are in, or in one, by its id."""
    its_member = (Member.workspace_id == Workspace.id) & (Member.username == caller.name)
    query = select(Workspace.id, Workspace.archived_at, Member)
    query = query.outerjoin(Member, its_member) if caller.admin else query.join(Member, its_member)
    if only is not None:
        query = query.where(Workspace.id == only)
    rows = (await session.execute(query)).all()
    roles = {key: roles_of(member, caller.admin) for key, _, member in rows}
    custom = await custom_actions(session, roles)
    found = {}
    for key, archived_at, _ in rows:
        if not roles[key]:
            continue
        actions = actions_of(roles[key], custom.get(key)) | (PLATFORM if caller.admin else set())
        left = actions if archived_at is None else actions & (READ_ONLY | PLATFORM)
        found[key] = Standing(
            workspace_id=key, roles=roles[key], actions=left, withheld=actions - left
        )
    return found


def roles_of(member: Member | None, admin: bool = False) -> frozenset[str]:
    """The roles that somebody has now: none of a member who is disabled."""
    of_admin = {Role.OWNER.value} if admin else set()
    if member is None or member.disabled:
        return frozenset(of_admin)
    return frozenset({*member.roles, *member.group_roles, *of_admin})


async def custom_actions(
    session: AsyncSession, roles: dict[str, frozenset[str]]
) -> dict[str, dict[str, frozenset[Action]]]:
    """The actions of the custom roles among these, by workspace and name."""
    builtin = {role.value for role in Role}
    wanted = [key for key, names in roles.items() if names - builtin]
    found: dict[str, dict[str, frozenset[Action]]] = {}
    if wanted:
        query = select(CustomRole).where(CustomRole.workspace_id.in_(wanted))
        for row in await session.scalars(query):
            found.setdefault(row.workspace_id, {})[row.name] = frozenset(map(Action, row.actions))
    return found


async def readable_workspaces(
    session: AsyncSession, caller: Caller, action: Action
) -> frozenset[str] | None:
    """Ids of the workspaces in which the caller may look at what this action is about, such as
    `INSTANCE_READ_ALL`.

    None: in all that there are, for platform administrators. The token of an instance: in none.
    """
    if caller.server is not None:
        return frozenset()
    if caller.admin:
        return None
    found = await standings(session, caller)
    return frozenset(key for key, one in found.items() if one.reads(action))


async def known_instances(
    session: AsyncSession, caller: Caller, found: Result[str, str, str]
) -> tuple[list[str], int]:
    """Of these, by owner, name and workspace: those that the caller may know, as `owner/name`, and
    how many more there are."""
    readable = await readable_workspaces(session, caller, Action.INSTANCE_READ_ALL)
    names, others = [], 0
    for owner, name, workspace_id in found:
        if owner == caller.name or _within(workspace_id, readable):
            names.append(f"{owner}/{name}")
        else:
            others += 1
    return names, others


class Sight(Model):
    """What a caller sees of others' objects, as the lists and the streams show them.

    Each is a set of workspace ids, None for all: where the caller has instances, whose instances
    they read, whose images, and whose images they manage.
    """

    name: str
    own_in: frozenset[str] | None
    instances_of: frozenset[str] | None
    images_of: frozenset[str] | None
    manages_of: frozenset[str] | None

    def instance(self, owner: str | None, workspace_id: str | None) -> bool:
        """An instance or a snapshot: one's own while one may have any, and those one may read."""
        own = owner == self.name and _within(workspace_id, self.own_in)
        return own or _within(workspace_id, self.instances_of)

    def image(self, owner: str | None, workspace_id: str | None, visibility: str) -> bool:
        """An image: public ones, one's own, those for the whole workspace, those one manages."""
        if visibility == Visibility.PUBLIC or _within(workspace_id, self.manages_of):
            return True
        shown = owner == self.name or visibility == Visibility.WORKSPACE
        return shown and _within(workspace_id, self.images_of)


def _within(workspace_id: str | None, workspaces: frozenset[str] | None) -> bool:
    return workspaces is None or workspace_id in workspaces


async def sight_of(session: AsyncSession, caller: Caller, everybody: bool) -> Sight:
    """What the caller sees; the instances of others only when they ask for `everybody`'s."""
    nothing: frozenset[str] = frozenset()
    if caller.admin:
        others = None if everybody else nothing
        return Sight(
            name=caller.name, own_in=None, instances_of=others, images_of=None, manages_of=None
        )
    found = await standings(session, caller)

    def where(action: Action) -> frozenset[str]:
        return frozenset(key for key, one in found.items() if one.reads(action))

    return Sight(
        name=caller.name,
        own_in=where(Action.INSTANCE_USE_OWN),
        instances_of=where(Action.INSTANCE_READ_ALL) if everybody else nothing,
        images_of=where(Action.IMAGE_READ),
        manages_of=where(Action.IMAGE_CHANGE),
    )


async def require(
    session: AsyncSession, caller: Caller, workspace_id: str, action: Action
) -> Standing:
    """The caller's standing, when it permits the action; `Forbidden` or `NotFound` otherwise."""
    found = await standing(session, caller, workspace_id)
    if not found.roles:
        error = NotFound("There is no such workspace.", "See GET /workspaces for yours.")
        raise error.about(workspace_id)
    found.check(action)
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
    """The instance, when the caller may do this to it.

    `other` is what it takes when it is another's; to one's own, `INSTANCE_USE_OWN` does. `NotFound`
    for what the caller cannot see, `Forbidden` or `Conflict` for what they can see and not change.
    """
    row = await session.get(Instance, instance_id)
    if row is None or row.deleted_at is not None or _another_server(caller, row):
        raise _no_instance(instance_id)
    found = await standing(session, caller, row.workspace_id)
    if row.owner == caller.name:
        if not found.roles:
            raise _no_instance(instance_id)
        if other is not Action.INSTANCE_READ_ALL or not found.reads(Action.INSTANCE_USE_OWN):
            found.check(Action.INSTANCE_USE_OWN)
        return row
    if not found.actions & {Action.INSTANCE_READ_ALL, other}:
        raise _no_instance(instance_id)
    found.check(other)
    return row


def _another_server(caller: Caller, row: Instance) -> bool:
    """Whether the caller is an instance, and not this one."""
    return caller.server is not None and (row.owner, row.name) != (caller.name, caller.server)


def _no_instance(instance_id: str) -> NotFound:
    return NotFound(f"There is no instance {instance_id!r}.", "See GET /instances for yours.")


def not_from_an_instance(caller: Caller) -> None:
    """An instance's own token reaches that instance only."""
    if caller.server is not None:
        raise Forbidden(
            "The token of an instance cannot do this.", "Use the console, or run: dsw login"
        )
