"""What can be opened in a running instance, as its own server tells and nobody else."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from dsw.apps import Endpoints
from dsw.errors import Conflict, Forbidden
from dsw.instances import AT_REST, Desired
from dsw.roles import Action
from dsw_control.access import visible_instance
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.history import tell
from dsw_control.store.tables import Instance


async def put_endpoints(
    control: Control, caller: Caller, instance_id: str, body: Endpoints
) -> None:
    """Keep it until it changes or the instance is up no more; listeners hear only of a change.

    `Forbidden` for all but the instance's own token, `Conflict` when it does not run.
    """
    told = body.model_dump(mode="json")
    async with control.db.read() as session:
        if (await _running(session, caller, instance_id)).endpoints == told:
            return
    async with control.db.write() as session:
        row = await _running(session, caller, instance_id)
        # A stop that comes now is to find them, and take them away.
        await session.refresh(row, with_for_update=True)
        _must_run(row)
        row.endpoints = told
    tell(control, row)


async def _running(session: AsyncSession, caller: Caller, instance_id: str) -> Instance:
    if caller.server is None:
        raise Forbidden(
            "Only the instance's own server tells this.",
            "GET /instances/{id} shows what it told.",
        )
    row = await visible_instance(session, caller, instance_id, Action.INSTANCE_MANAGE_ALL)
    _must_run(row)
    return row


def _must_run(row: Instance) -> None:
    if row.desired != Desired.RUNNING or row.state in AT_REST:
        raise Conflict(f"{row.display_name!r} is {row.state}.", "Only a running one has endpoints.")
