"""What an instance's own server tells about its SSH, and asks about those who come to it."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from dsw.errors import Conflict, Forbidden, NotFound
from dsw.instances import AT_REST, Desired, SshHost
from dsw.roles import Action
from dsw.ssh import SshEntrants, SshEntry, SshEntryAsk, public_key
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.history import tell
from dsw_control.records.audit import record
from dsw_control.ssh.keys import lines_of
from dsw_control.ssh.rights import entrants, may_enter
from dsw_control.ssh.tickets import Ticket
from dsw_control.store.tables import Instance


async def put_host(control: Control, caller: Caller, instance_id: str, body: SshHost) -> None:
    """Note whom to log in as and by which key the server is known; told only when it is news."""
    key = public_key(body.host_key)
    told = SshHost(user=body.user, host_key=key.line).model_dump(mode="json")
    async with control.db.read() as session:
        if _running(await _own(session, caller, instance_id)).ssh == told:
            return
    async with control.db.write() as session:
        row = _running(await _own(session, caller, instance_id, lock=True))
        if row.ssh == told:
            return
        row.ssh = told
        target = (row.id, row.workspace_id)
        detail = {"did": "host key", "fingerprint": key.fingerprint}
        record(session, control, caller, Action.INSTANCE_SSH, target, **detail)
    tell(control, row)


async def redeem(control: Control, caller: Caller, instance_id: str, body: SshEntryAsk) -> SshEntry:
    """Whose ticket it is and by which keys they log in; `Forbidden` unless they may enter now."""
    ticket = control.tickets.open(body.ticket, control.clock())
    async with control.db.read() as session:
        row = _running(await _own(session, caller, instance_id))
        keys = await _keys(session, row, ticket) if ticket is not None else []
    if ticket is None or not keys or not await control.auth.is_user(ticket.user):
        raise Forbidden(
            "This ticket does not open this instance, or it has expired.",
            "Ask for a new one: POST /ssh/tickets.",
        ).about(row.workspace_id)
    return SshEntry(user=ticket.user, keys=keys)


async def _keys(session: AsyncSession, row: Instance, ticket: Ticket) -> list[str]:
    """The keys of the ticket's user; none unless they may enter, and still have the key with
    which they asked for it."""
    if ticket.instance_id != row.id or not await may_enter(session, ticket.user, row.id):
        return []
    lines = (await lines_of(session, [ticket.user])).get(ticket.user, [])
    if ticket.fingerprint is None or ticket.fingerprint in map(_fingerprint, lines):
        return lines
    return []


def _fingerprint(line: str) -> str:
    return public_key(line).fingerprint


async def entrants_of(control: Control, caller: Caller, instance_id: str) -> SshEntrants:
    """All who may enter now, with their keys; those without a key cannot, and are left out."""
    async with control.db.read() as session:
        row = await _own(session, caller, instance_id)
        return SshEntrants(keys=await lines_of(session, await entrants(session, row)))


async def _own(
    session: AsyncSession, caller: Caller, instance_id: str, lock: bool = False
) -> Instance:
    """The instance whose token the caller has. Also when its owner has just lost their rights:
    then the answer that nobody may enter is what ends the sessions."""
    if caller.server is None:
        raise Forbidden("Only the instance's own server does this.", "Ask POST /ssh/tickets.")
    row = await session.get(Instance, instance_id, with_for_update=lock or None)
    its_own = row is not None and (row.owner, row.name) == (caller.name, caller.server)
    if row is None or not its_own or row.deleted_at is not None:
        raise NotFound(f"There is no instance {instance_id!r}.", "See GET /instances for yours.")
    return row


def _running(row: Instance) -> Instance:
    """The row itself, while a server of it is up or on its way."""
    if row.desired != Desired.RUNNING or row.state in AT_REST:
        raise Conflict(f"{row.display_name!r} is {row.state}.", "Only a running one has SSH.")
    return row
