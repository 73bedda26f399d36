"""Code sources: which repositories a workspace offers, and what an instance is given of one."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from dsw.code_sources import CodeCheckout, repository_host
from dsw.errors import DswError, NotFound
from dsw.instances import Reason
from dsw.roles import Action
from dsw_control.access import require
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.store.tables import CodeSource, Event, Instance


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
        from dsw_control.assets.credentials import secret_of

        try:
            host = repository_host(row.url)
            username, secret = await secret_of(session, control, row.credential, host)
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


def _no_source(source_id: str) -> NotFound:
    return NotFound(
        f"There is no code source {source_id[:80]!r} in this workspace.", "See GET /code-sources."
    )
