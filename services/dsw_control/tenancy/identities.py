"""Users whom the hub no longer knows: they lose their access here, and nobody who gets their name
later inherits it."""

from __future__ import annotations

import structlog
from sqlalchemy import delete, select

from dsw.errors import DswError
from dsw.roles import Action
from dsw_control.context import Control
from dsw_control.records.audit import record
from dsw_control.ssh.keys import forget_keys
from dsw_control.store.tables import Member, User, Workspace
from dsw_control.tenancy.departures import Ended, after_change, announce

log = structlog.get_logger()


async def follow(control: Control) -> None:
    """Disable, in all their workspaces, those who have been here and whom the hub has deleted.

    Members who were added before they ever logged in stay as they are. An administrator can enable
    a member again, so a hub that lost its database costs nobody their data.
    """
    async with control.db.read() as session:
        seen = set(await session.scalars(select(User.name)))
    try:
        known = {model["name"] async for model in control.hub.users()}
        # A page may shift under the listing: each who seems gone is asked for by name.
        gone = [name for name in sorted(seen - known) if await control.hub.user(name) is None]
    except DswError as error:
        log.warning("users not readable", error=error.sentence)
        return
    for name in gone:
        await _lock_out(control, name)


async def _lock_out(control: Control, username: str) -> None:
    ended: Ended = []
    async with control.db.write() as session:
        await session.execute(delete(User).where(User.name == username))
        await forget_keys(session, control, username)
        of_them = select(Member.workspace_id).where(Member.username == username)
        workspaces = await session.scalars(
            select(Workspace)
            .where(Workspace.id.in_(of_them))
            .order_by(Workspace.id)
            .with_for_update()
        )
        for workspace in workspaces.all():
            row = await session.get(Member, (workspace.id, username))
            if row is None or row.disabled:
                continue
            row.disabled = True
            target = (username, workspace.id)
            detail = {"disabled": True, "why": "The hub knows this user no more."}
            record(session, control, None, Action.MEMBER_MANAGE, target, **detail)
            ended += await after_change(session, control, workspace, username)
    announce(control, ended)
