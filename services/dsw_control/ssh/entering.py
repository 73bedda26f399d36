"""How somebody gets a ticket for an instance, which is started for it when they ask for that."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import update

from dsw.base import Model
from dsw.errors import Conflict, Forbidden, NotFound
from dsw.instances import AT_REST, IS_STARTING, IS_UP, Desired, InstanceState, InstanceView
from dsw.roles import Action
from dsw.ssh import SshTicketAsk, SshTicketView
from dsw_control import instances
from dsw_control.access import not_from_an_instance
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.records.audit import record
from dsw_control.ssh.keys import lines_of
from dsw_control.ssh.rights import find
from dsw_control.ssh.tickets import Ticket
from dsw_control.store.tables import Instance, SshKey
from dsw_control.views import instance_view

SOON = timedelta(seconds=30)
"""How long a server that has just come up may take to tell its host key."""


class Road(Model):
    """How somebody comes: over the proxy, or by the gateway with a key (its id, fingerprint)."""

    name: str = "proxy"
    key_id: str | None = None
    fingerprint: str | None = None


BY_PROXY = Road()


async def ask_ticket(
    control: Control, caller: Caller, body: SshTicketAsk, road: Road = BY_PROXY
) -> SshTicketView:
    """A ticket when the instance is up; without one when it is on its way, or set on it by `start`.

    `Conflict` when it is neither, when it failed, when its image has no SSH server, and for
    somebody who has no key to log in with.
    """
    not_from_an_instance(caller)
    async with control.db.read() as session:
        row = await find(session, caller.name, body.instance)
        if not await lines_of(session, [caller.name]):
            raise Conflict(
                "You have no SSH key in the workbench, so no instance would let you in.",
                "Add a public key in the console or by POST /ssh-keys, then try again.",
            )
    if row.state in IS_UP and row.ssh is not None:
        return await _give(control, caller, row, road)
    return _waits(await _on_its_way(control, caller, row, body.start))


async def _give(control: Control, caller: Caller, row: Instance, road: Road) -> SshTicketView:
    ticket = Ticket(instance_id=row.id, user=caller.name, fingerprint=road.fingerprint)
    sealed = control.tickets.seal(ticket, control.clock())
    async with control.db.write() as session:
        detail = {"did": "ticket", "road": road.name}
        if road.fingerprint is not None:
            detail["fingerprint"] = road.fingerprint
            used = update(SshKey).where(SshKey.id == road.key_id)
            await session.execute(used.values(last_used_at=control.clock()))
        target = (row.id, row.workspace_id)
        record(session, control, caller, Action.INSTANCE_SSH, target, **detail)
    return _answer(instance_view(control, row), ticket=sealed)


async def _on_its_way(control: Control, caller: Caller, row: Instance, start: bool) -> InstanceView:
    """The instance, when waiting for it makes sense; it is started if it is to be."""
    if row.state in IS_UP:
        _check_tells_soon(control, row)
    else:
        _check_comes_up(row, start)
    if row.state in AT_REST:
        return await _start(control, caller, row)
    return instance_view(control, row)


def _check_tells_soon(control: Control, row: Instance) -> None:
    """`Conflict` when it is up, and its SSH server is not one that is just coming up."""
    began = row.started_at or row.changed_at
    if control.clock() - began > SOON:
        raise Conflict(
            f"{row.display_name!r} has no SSH server, or it has not come up yet.",
            "Choose an image with one, such as the newest official one, and start it again.",
        )


def _check_comes_up(row: Instance, start: bool) -> None:
    """`Conflict` when it is down and stays so."""
    if row.desired == Desired.DELETED:
        raise Conflict(f"{row.display_name!r} is being deleted.", "Choose another instance.")
    if row.state == InstanceState.FAILED:
        reason = f": {row.message}" if row.message else "."
        raise Conflict(
            f"{row.display_name!r} failed{reason}", "Start it again when the cause is gone."
        )
    if not start and row.state not in IS_STARTING:
        raise Conflict(
            f"{row.display_name!r} is {row.state}.",
            "Start it first, or ask for it to be started.",
        )


async def _start(control: Control, caller: Caller, row: Instance) -> InstanceView:
    try:
        return await instances.start_instance(control, caller, row.id)
    except (NotFound, Forbidden) as error:
        raise Conflict(
            f"{row.display_name!r} is {row.state}, and you may not start it.",
            f"Ask {row.owner} to start it.",
        ) from error


def _waits(view: InstanceView) -> SshTicketView:
    if view.state in IS_UP:
        return _answer(view, message="Its SSH server is coming up.")
    return _answer(view, message=view.message or f"{view.display_name!r} is {view.state}.")


def _answer(view: InstanceView, message: str = "", ticket: str | None = None) -> SshTicketView:
    return SshTicketView(
        instance_id=view.id,
        name=view.name,
        owner=view.owner,
        display_name=view.display_name,
        state=view.state,
        message=message,
        percent=view.percent,
        url=view.url,
        host=view.ssh,
        ticket=ticket,
    )
