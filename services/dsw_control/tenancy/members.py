"""The members of a workspace: who gives whom which roles, and what nobody may give."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.errors import Conflict, Forbidden, Invalid, NotFound, PreconditionFailed
from dsw.roles import Action, Role, actions_of
from dsw.workspaces import MemberPut, MemberView, check_username
from dsw_control.access import Standing, not_from_an_instance, require, roles_of, standing
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.etags import check_match
from dsw_control.records.audit import record
from dsw_control.store.paging import PageRequest, paged
from dsw_control.store.tables import CustomRole, Member, Workspace
from dsw_control.tenancy.departures import after_change, announce
from dsw_control.tenancy.workspaces import find, locked


async def list_members(
    control: Control, caller: Caller, key: str, page: PageRequest
) -> tuple[list[MemberView], str | None]:
    """The members by name, disabled ones included."""
    not_from_an_instance(caller)
    async with control.db.read() as session:
        workspace = await find(session, caller, key)
        await require(session, caller, workspace.id, Action.MEMBER_READ)
        query = select(Member).where(Member.workspace_id == workspace.id)
        rows, cursor = await paged(session, query, [(Member.username, False)], page)
    return [MemberView.model_validate(row) for row in rows], cursor


async def put_member(
    control: Control,
    caller: Caller,
    key: str,
    username: str,
    body: MemberPut,
    if_match: str | None = None,
) -> MemberView:
    """Add a member, or set what roles one has; whoever loses their instances loses them at once."""
    not_from_an_instance(caller)
    check_username(username)
    async with control.db.write() as session:
        workspace = await locked(session, caller, key, Action.MEMBER_MANAGE)
        row = await session.get(Member, (workspace.id, username))
        _check_unchanged(row, if_match)
        mine = await standing(session, caller, workspace.id)
        await _check_rights(session, mine, row, body.roles)
        await _check_owners(session, caller, workspace, row, body)
        if not body.roles and not (row is not None and row.group_roles):
            raise Invalid("A member has at least one role.", "To end a membership, DELETE it.")
        if row is None:
            row = Member(
                workspace_id=workspace.id,
                username=username,
                group_roles=[],
                added_by=caller.name,
                added_at=control.clock(),
            )
            session.add(row)
        row.roles, row.disabled = sorted(set(body.roles)), body.disabled
        detail = {"roles": row.roles, "disabled": row.disabled}
        record(session, control, caller, Action.MEMBER_MANAGE, (username, workspace.id), **detail)
        ended = await after_change(session, control, workspace, username)
    announce(control, ended)
    return MemberView.model_validate(row)


async def remove_member(
    control: Control, caller: Caller, key: str, username: str, if_match: str | None = None
) -> None:
    """End a membership; instances end as the policy says, what is on the NAS stays."""
    not_from_an_instance(caller)
    async with control.db.write() as session:
        workspace = await locked(session, caller, key, Action.MEMBER_MANAGE)
        row = await session.get(Member, (workspace.id, username))
        if row is None:
            raise NotFound(
                f"{username[:80]!r} is not a member of the workspace {workspace.name!r}.",
                f"See GET /workspaces/{workspace.name}/members.",
            )
        _check_unchanged(row, if_match)
        mine = await standing(session, caller, workspace.id)
        await _check_rights(session, mine, row, ())
        await _check_owners(session, caller, workspace, row, None)
        if row.group_roles:
            raise Conflict(
                f"{username!r} is a member by a group of the identity provider.",
                "Take them out of that group, or disable them here.",
            )
        await session.delete(row)
        record(
            session, control, caller, Action.MEMBER_MANAGE, (username, workspace.id), removed=True
        )
        ended = await after_change(session, control, workspace, username)
    announce(control, ended)


def _check_unchanged(row: Member | None, if_match: str | None) -> None:
    if row is not None:
        check_match(if_match, MemberView.model_validate(row))
    elif if_match is not None:
        raise PreconditionFailed("There is no such member yet.", "Leave If-Match out to add one.")


async def _check_rights(
    session: AsyncSession, mine: Standing, row: Member | None, wanted: Iterable[str]
) -> None:
    """Nobody gives rights that they lack, nor changes those who have more; unknown roles are
    refused. Only owners make and unmake owners, whatever actions their other roles have."""
    custom = await custom_roles(session, mine.workspace_id or "")
    check_known(wanted, custom)
    before = frozenset() if row is None else frozenset({*row.roles, *row.group_roles})
    after = frozenset(wanted)
    if Role.OWNER in before | after and Role.OWNER not in mine.roles:
        raise Forbidden(
            "Only an owner of the workspace makes, changes or removes an owner.",
            "Ask one of its owners.",
        ).about(mine.workspace_id)
    if actions_of(before, custom) - mine.actions:
        raise Forbidden(
            "This member may do more here than you, so you cannot change them.",
            "Ask an owner of the workspace.",
        ).about(mine.workspace_id)
    check_may_give(mine, actions_of(after, custom))


def check_known(roles: Iterable[str], custom: Mapping[str, frozenset[Action]]) -> None:
    """`Invalid` when a role is neither built-in nor of the workspace."""
    known = [*Role, *sorted(custom)]
    unknown = sorted(set(roles) - set(known))
    if unknown:
        raise Invalid(
            f"There is no role {unknown[0]!r} here.", f"Choose among: {', '.join(known)}."
        )


def check_may_give(mine: Standing, actions: frozenset[Action]) -> None:
    """`Forbidden` when somebody would give what they may not do themselves."""
    beyond = sorted(actions - mine.actions)
    if beyond:
        raise Forbidden(
            f"You cannot give what you may not do yourself: {', '.join(beyond)}.",
            "Ask an owner of the workspace.",
        ).about(mine.workspace_id)


async def custom_roles(session: AsyncSession, workspace_id: str) -> dict[str, frozenset[Action]]:
    """The workspace's own roles and what they allow."""
    rows = await session.scalars(select(CustomRole).where(CustomRole.workspace_id == workspace_id))
    return {row.name: frozenset(map(Action, row.actions)) for row in rows}


async def _check_owners(
    session: AsyncSession,
    caller: Caller,
    workspace: Workspace,
    row: Member | None,
    body: MemberPut | None,
) -> None:
    """A workspace keeps an owner, unless a platform administrator wants it otherwise."""
    if caller.admin or row is None or Role.OWNER not in roles_of(row):
        return
    stays = body is not None and not body.disabled and Role.OWNER in {*body.roles, *row.group_roles}
    if stays:
        return
    members = await session.scalars(select(Member).where(Member.workspace_id == workspace.id))
    if not any(Role.OWNER in roles_of(one) for one in members if one is not row):
        raise Conflict(
            f"{row.username!r} is the last owner of the workspace {workspace.name!r}.",
            "Make somebody else an owner first.",
        )
