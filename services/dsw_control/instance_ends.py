"""How people end instances: stopped, with an image of what was installed or without, or deleted."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from dsw.errors import Conflict
from dsw.instances import IS_UP, Desired, InstanceState, InstanceStop, InstanceView
from dsw.roles import Action
from dsw_control.access import not_from_an_instance, require, visible_instance
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.history import add_event
from dsw_control.instance_rows import cancel_snapshots, want
from dsw_control.instances import record_act, told
from dsw_control.records.storage import check_storage
from dsw_control.store.tables import Instance
from dsw_control.views import instance_view


async def stop_instance(
    control: Control, caller: Caller, instance_id: str, how: InstanceStop | None = None
) -> InstanceView:
    """Want it stopped. Stopping what is stopped, or stopping, changes nothing."""
    down = (Desired.STOPPED, InstanceState.STOPPING)
    return await _want_down(control, caller, instance_id, down, how or InstanceStop())


async def delete_instance(control: Control, caller: Caller, instance_id: str) -> InstanceView:
    """Want it gone, with all that was installed in it. What is on the NAS stays."""
    down = (Desired.DELETED, InstanceState.DELETING)
    return await _want_down(control, caller, instance_id, down, InstanceStop())


async def _want_down(
    control: Control,
    caller: Caller,
    instance_id: str,
    down: tuple[Desired, InstanceState],
    how: InstanceStop,
) -> InstanceView:
    not_from_an_instance(caller)
    desired, state = down
    async with control.db.write() as session:
        row = await visible_instance(session, caller, instance_id, Action.INSTANCE_MANAGE_ALL)
        if how.save:
            await _check_saving(session, control, caller, row)
        if row.desired in (desired, Desired.DELETED):
            return instance_view(control, row)
        await cancel_snapshots(session, row)
        row.save_now = how.save
        want(control, row, desired, state)
        record_act(
            session, control, caller, row, "stop" if desired is Desired.STOPPED else "delete"
        )
        event = add_event(session, control, row)
    return told(control, row, event)


async def _check_saving(
    session: AsyncSession, control: Control, caller: Caller, row: Instance
) -> None:
    """Whether a stop may save it, asked before anything stops."""
    await require(session, caller, row.workspace_id, Action.SNAPSHOT_OWN)
    if not control.engine.isolated:
        await control.engine.snapshot_source(row.id)
    if row.state not in IS_UP:
        raise Conflict(
            f"{row.display_name!r} is {row.state}.",
            "A stop saves what is Running; what is Stopped or Failed can be saved as it is.",
        )
    await check_storage(session, control, row.workspace_id)
