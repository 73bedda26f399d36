"""What the SSH gateway asks in the name of somebody who came to it with a key."""

from __future__ import annotations

from dsw.errors import Forbidden, Invalid
from dsw.instances import InstanceView
from dsw.ssh import (
    GatewayTicketAsk,
    GatewayUser,
    SshKeyView,
    SshTicketAsk,
    SshTicketView,
    public_key,
)
from dsw_control.access import standings
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.ssh.entering import Road, ask_ticket
from dsw_control.ssh.keys import registered
from dsw_control.ssh.rights import enterable
from dsw_control.views import instance_view


async def holder(control: Control, body: GatewayUser) -> SshKeyView:
    """The key, when this user registered it and is still one; the same `Forbidden` for all else.

    SSH clients offer keys before they prove to hold one, so this notes nothing.
    """
    try:
        key = public_key(body.public_key)
    except Invalid as error:
        raise _refused() from error
    if "\0" in body.username:
        raise _refused()
    async with control.db.read() as session:
        row = await registered(session, body.username, key)
        if row is None or not await standings(session, Caller(name=body.username)):
            raise _refused()
    # Unlike a token, a key says nothing about the hub's mind.
    if not await control.auth.is_user(body.username):
        raise _refused()
    return SshKeyView.model_validate(row)


def _refused() -> Forbidden:
    return Forbidden(
        "This key lets nobody of this name in.",
        "Register it in the console, or use a token of the hub as password.",
    )


async def ticket_for(control: Control, key: SshKeyView, body: GatewayTicketAsk) -> SshTicketView:
    """A ticket for whoever holds this key of theirs, as if they had asked themselves."""
    road = Road(name="gateway", key_id=key.id, fingerprint=key.fingerprint)
    asked = SshTicketAsk(instance=body.instance, start=body.start)
    return await ask_ticket(control, Caller(name=body.username), asked, road)


async def instances_for(control: Control, username: str) -> list[InstanceView]:
    """The instances that this user may enter, newest first."""
    async with control.db.read() as session:
        found = await enterable(session, username)
        return [instance_view(control, row, access) for row, access in found]
