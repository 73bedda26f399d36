"""Code sources: which repositories a workspace offers, and what an instance is given of one."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.code_sources import (
    CodeCheckout,
    CodeSourceCreate,
    CodeSourceView,
    clone_directory,
    repository_host,
)
from dsw.errors import Conflict, DswError, NotFound
from dsw.images import CredentialKind
from dsw.instances import Reason
from dsw.names import new_id
from dsw.roles import Action
from dsw_control.access import not_from_an_instance, require, standing, standings
from dsw_control.assets import credentials
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.etags import check_match
from dsw_control.records import audit
from dsw_control.records.idempotency import Once, earlier, remember
from dsw_control.store.paging import PageRequest, paged
from dsw_control.store.tables import CodeSource, Event, Instance
from dsw_control.tenancy import workspaces

_ORDER = ((CodeSource.name, False), (CodeSource.id, False))


async def list_code_sources(
    control: Control,
    caller: Caller,
    workspace: str | None = None,
    name: str | None = None,
    request: PageRequest | None = None,
) -> tuple[list[CodeSourceView], str | None]:
    """Those of the caller's workspaces, or of one, by name; `name` is a part of it."""
    not_from_an_instance(caller)
    async with control.db.read() as session:
        if workspace is None:
            found = await standings(session, caller)
            ids = [key for key, mine in found.items() if Action.CODE_READ in mine.actions]
        else:
            row = await workspaces.find(session, caller, workspace)
            await require(session, caller, row.id, Action.CODE_READ)
            ids = [row.id]
        query = select(CodeSource).where(CodeSource.workspace_id.in_(ids))
        if name is not None:
            query = query.where(CodeSource.name.icontains(name, autoescape=True))
        rows, following = await paged(session, query, _ORDER, request or PageRequest())
    return [CodeSourceView.model_validate(row) for row in rows], following


async def get_code_source(control: Control, caller: Caller, source_id: str) -> CodeSourceView:
    """One code source."""
    not_from_an_instance(caller)
    async with control.db.read() as session:
        row = await _known(session, caller, source_id)
        await require(session, caller, row.workspace_id, Action.CODE_READ)
    return CodeSourceView.model_validate(row)


async def create_code_source(
    control: Control, caller: Caller, body: CodeSourceCreate, once: Once | None = None
) -> CodeSourceView:
    """Register a repository. Its credential is readable inside every instance that is started with
    it, so only who manages credentials may name one."""
    not_from_an_instance(caller)
    host, directory = repository_host(body.url), clone_directory(body.url, body.directory)
    async with control.db.write() as session:
        workspace = await workspaces.find(session, caller, body.workspace)
        mine = await require(session, caller, workspace.id, Action.CODE_ADD)
        if made := await earlier(session, once):
            return CodeSourceView.model_validate(await _known(session, caller, made))
        if body.credential is not None:
            mine.check(Action.CREDENTIAL_MANAGE)
            await credentials.fitting(
                session, workspace.id, body.credential, CredentialKind.GIT, host
            )
        # One after the other, so that two at once do not choose the same name.
        await session.refresh(workspace, with_for_update=True)
        await _check_free(session, workspace.id, body.name)
        row = CodeSource(
            id=new_id("code"),
            workspace_id=workspace.id,
            name=body.name,
            url=body.url,
            ref=body.ref,
            directory=directory,
            credential=body.credential,
            owner=caller.name,
            created_at=control.clock(),
        )
        session.add(row)
        remember(session, control, once, row.id)
        target = (row.id, row.workspace_id)
        audit.record(
            session,
            control,
            caller,
            Action.CODE_ADD,
            target,
            created=row.name,
            url=row.url,
            credential=row.credential,
        )
    return CodeSourceView.model_validate(row)


async def delete_code_source(
    control: Control, caller: Caller, source_id: str, if_match: str | None = None
) -> None:
    """Forget one that no instance names; what was cloned stays."""
    not_from_an_instance(caller)
    async with control.db.write() as session:
        row = await _known(session, caller, source_id, lock=True)
        own = row.owner == caller.name
        action = Action.CODE_ADD if own else Action.CODE_MANAGE
        await require(session, caller, row.workspace_id, action)
        check_match(if_match, CodeSourceView.model_validate(row))
        user = await session.scalar(
            select(Instance)
            .where(Instance.code_source == row.id, Instance.deleted_at.is_(None))
            .limit(1)
        )
        if user is not None:
            raise Conflict(
                f"The code source {row.name!r} is in use by the instance {user.display_name!r} of "
                f"{user.owner}.",
                "Delete that instance, or change its code source, first.",
            )
        await session.delete(row)
        target = (row.id, row.workspace_id)
        audit.record(session, control, caller, action, target, deleted=row.name, url=row.url)


async def usable(
    session: AsyncSession, caller: Caller, workspace_id: str, source_id: str
) -> CodeSource:
    """The code source, when instances of this workspace may name it; it stays till the commit."""
    await require(session, caller, workspace_id, Action.CODE_READ)
    row = await session.get(CodeSource, source_id, with_for_update={"read": True})
    if row is None or row.workspace_id != workspace_id:
        raise _no_source(source_id)
    return row


async def checkout_for(
    session: AsyncSession, control: Control, instance: Instance
) -> CodeCheckout | None:
    """What the instance clones at this start: nothing when it names no code source.

    A source or credential that is gone does not stop the start; the history says why no code came.
    """
    if not instance.code_source:
        return None
    row = await session.get(CodeSource, instance.code_source)
    if row is None or row.workspace_id != instance.workspace_id:
        _say(session, control, instance, "The code source of this instance is gone.")
        return None
    username, secret = "", ""
    if row.credential:
        try:
            host = repository_host(row.url)
            username, secret = await credentials.secret_of(session, control, row.credential, host)
        except DswError as error:
            _say(session, control, instance, error.sentence)
            return None
    return CodeCheckout(
        url=row.url, ref=row.ref, directory=row.directory, username=username, secret=secret
    )


def _say(session: AsyncSession, control: Control, instance: Instance, why: str) -> None:
    session.add(
        Event(
            at=control.clock(),
            object_id=instance.id,
            kind="instance",
            state=instance.state,
            reason=Reason.CODE_GONE,
            message=f"No code was cloned. {why}",
        )
    )


async def _known(
    session: AsyncSession, caller: Caller, source_id: str, lock: bool = False
) -> CodeSource:
    """The code source, when the caller is in its workspace; `NotFound` otherwise."""
    row = await session.get(CodeSource, source_id, with_for_update=lock or None)
    if row is None or not (await standing(session, caller, row.workspace_id)).roles:
        raise _no_source(source_id)
    return row


async def _check_free(session: AsyncSession, workspace_id: str, name: str) -> None:
    taken = await session.scalar(
        select(CodeSource.id).where(
            CodeSource.workspace_id == workspace_id, CodeSource.name == name
        )
    )
    if taken is not None:
        raise Conflict(f"This workspace has a code source named {name!r}.", "Choose another name.")


def _no_source(source_id: str) -> NotFound:
    return NotFound(
        f"There is no code source {source_id[:80]!r} in this workspace.", "See GET /code-sources."
    )
