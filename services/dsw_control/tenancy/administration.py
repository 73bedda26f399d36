"""The life of a workspace: made, changed, archived, deleted when nothing is in it any more."""

from __future__ import annotations

import re

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.errors import Conflict, Invalid
from dsw.instances import Reason
from dsw.names import id_pattern, new_id
from dsw.roles import Action, Role
from dsw.workspaces import WorkspaceChange, WorkspaceCreate, WorkspaceView, check_username
from dsw_control.access import not_from_an_instance, require_platform, standing
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.etags import check_match
from dsw_control.records.audit import record
from dsw_control.records.idempotency import Once, earlier, remember
from dsw_control.store.tables import (
    CodeSource,
    Credential,
    CustomRole,
    Dataset,
    Image,
    ImageTransfer,
    Instance,
    Member,
    StorageUse,
    Workspace,
    WorkspaceQuota,
)
from dsw_control.tenancy.departures import End, Ended, announce, end_all
from dsw_control.tenancy.policies import check_policy
from dsw_control.tenancy.workspaces import by_name, find, give_quotas, lock, view_of

GO_WITH_IT = (Member, CustomRole, WorkspaceQuota, Credential, StorageUse, ImageTransfer)


async def create_workspace(
    control: Control, caller: Caller, body: WorkspaceCreate, once: Once | None = None
) -> WorkspaceView:
    """A new workspace with the quotas of `dsw.toml` and its first owner."""
    require_platform(caller, Action.WORKSPACE_CREATE)
    owner = check_username(body.owner if body.owner is not None else caller.name)
    if re.fullmatch(id_pattern("ws"), body.name):
        raise Invalid(f"The name {body.name!r} looks like an id.", "Choose another name.")
    try:
        async with control.db.write() as session:
            made = await earlier(session, once)
            if made is not None:
                return await view_of(session, caller, await find(session, caller, made))
            if await by_name(session, body.name) is not None:
                raise _taken(body.name)
            row = Workspace(
                id=new_id("ws"),
                name=body.name,
                display_name=body.display_name or body.name,
                description=body.description,
                policy={},
                created_at=control.clock(),
            )
            session.add(row)
            await session.flush()
            await check_policy(session, control, row.id, body.policy)
            row.policy = body.policy.model_dump(mode="json")
            session.add(_owner(control, caller, row.id, owner))
            give_quotas(session, control, row.id)
            target = (row.id, row.id)
            record(session, control, caller, Action.WORKSPACE_CREATE, target, name=row.name)
            remember(session, control, once, row.id)
            await session.flush()
            return await view_of(session, caller, row)
    except IntegrityError as error:
        raise _taken(body.name) from error


def _taken(name: str) -> Conflict:
    return Conflict(f"There is a workspace named {name!r}.", "Choose another name.")


def _owner(control: Control, caller: Caller, workspace_id: str, username: str) -> Member:
    return Member(
        workspace_id=workspace_id,
        username=username,
        roles=[Role.OWNER],
        group_roles=[],
        added_by=caller.name,
        added_at=control.clock(),
    )


async def change_workspace(
    control: Control, caller: Caller, key: str, body: WorkspaceChange, if_match: str | None = None
) -> WorkspaceView:
    """Change what is given; `archived` is for platform administrators."""
    not_from_an_instance(caller)
    ended: Ended = []
    async with control.db.write() as session:
        row = await lock(session, await find(session, caller, key))
        check_match(if_match, await view_of(session, caller, row))
        if body.archived is not None:
            require_platform(caller, Action.WORKSPACE_ARCHIVE)
        if body.archived is False:
            _open_again(session, control, caller, row)
        if body.archived is None or body.model_fields_set - {"archived"}:
            await _change(session, control, caller, row, body)
        if body.archived:
            ended = await _archive(session, control, caller, row)
        await session.flush()
        view = await view_of(session, caller, row)
    announce(control, ended)
    return view


async def _change(
    session: AsyncSession, control: Control, caller: Caller, row: Workspace, body: WorkspaceChange
) -> None:
    await session.flush()
    mine = await standing(session, caller, row.id)
    texts = {"display_name": body.display_name, "description": body.description}
    changed = {key: text for key, text in texts.items() if text is not None}
    if changed or body.policy is None:
        mine.check(Action.WORKSPACE_CHANGE)
    for key, text in changed.items():
        setattr(row, key, text)
    if changed:
        record(session, control, caller, Action.WORKSPACE_CHANGE, (row.id, row.id), **changed)
    if body.policy is not None:
        mine.check(Action.POLICY_CHANGE)
        await check_policy(session, control, row.id, body.policy)
        row.policy = body.policy.model_dump(mode="json")
        record(session, control, caller, Action.POLICY_CHANGE, (row.id, row.id), policy=row.policy)


def _open_again(session: AsyncSession, control: Control, caller: Caller, row: Workspace) -> None:
    if row.archived_at is not None:
        row.archived_at = None
        target = (row.id, row.id)
        record(session, control, caller, Action.WORKSPACE_ARCHIVE, target, archived=False)


async def _archive(
    session: AsyncSession, control: Control, caller: Caller, row: Workspace
) -> Ended:
    """Nothing runs on in it; a start that is being decided on at this moment is waited for."""
    if row.archived_at is not None:
        return []
    members = select(Member.username).where(Member.workspace_id == row.id)
    await session.execute(members.with_for_update())
    row.archived_at = control.clock()
    target = (row.id, row.id)
    record(session, control, caller, Action.WORKSPACE_ARCHIVE, target, archived=True)
    why = f"The workspace {row.name} was archived."
    return await end_all(session, control, row.id, End(reason=Reason.REQUESTED, message=why))


async def delete_workspace(
    control: Control, caller: Caller, key: str, if_match: str | None = None
) -> None:
    """Delete a workspace that is empty. Its folders on the NAS stay."""
    require_platform(caller, Action.WORKSPACE_ARCHIVE)
    async with control.db.write() as session:
        row = await lock(session, await find(session, caller, key))
        check_match(if_match, await view_of(session, caller, row))
        if row.name == control.settings.workspace.name:
            raise Conflict(
                f"{row.name!r} is the default workspace.", "New users need it; it stays."
            )
        contents = await _contents(session, row.id)
        if contents:
            raise Conflict(
                f"The workspace {row.name!r} still has {' and '.join(contents)}.",
                "Delete these first, or archive the workspace.",
            )
        for table in GO_WITH_IT:
            await session.execute(delete(table).where(table.workspace_id == row.id))
        await session.delete(row)
        target = (row.id, row.id)
        record(session, control, caller, Action.WORKSPACE_ARCHIVE, target, deleted=row.name)


async def _contents(session: AsyncSession, workspace_id: str) -> list[str]:
    """What keeps a workspace from being deleted, in words."""
    asked: dict[str, ColumnElement[bool]] = {
        "instance": (Instance.workspace_id == workspace_id) & Instance.deleted_at.is_(None),
        "image": (Image.workspace_id == workspace_id) & Image.retired_at.is_(None),
        "code source": CodeSource.workspace_id == workspace_id,
        "dataset": (Dataset.workspace_id == workspace_id) & Dataset.retired_at.is_(None),
    }
    found = []
    for what, where in asked.items():
        count = await session.scalar(select(func.count()).where(where)) or 0
        if count:
            found.append(f"{count} {what}{'' if count == 1 else 's'}")
    return found
