"""What the row of an instance goes through, whoever asks for it: made, wanted, ended."""

from __future__ import annotations

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.errors import Invalid
from dsw.instances import Desired, InstanceState, Reason
from dsw.names import new_id
from dsw.snapshots import ENDED
from dsw.specs import Spec
from dsw_control.capacity.admission import release
from dsw_control.context import Control
from dsw_control.data import mount_rows
from dsw_control.store.tables import Instance, Snapshot


def new_row(control: Control, owner: str, name: str, workspace_id: str) -> Instance:
    """A row that holds nothing and wants nothing yet."""
    moment = control.clock()
    return Instance(
        id=new_id("dsw"),
        owner=owner,
        name=name,
        workspace_id=workspace_id,
        desired=Desired.STOPPED,
        state=InstanceState.STOPPED,
        reason="",
        message="",
        failure="",
        gpus=[],
        passed=0,
        asked=False,
        attempt=0,
        attempts=0,
        replace=False,
        created_at=moment,
        changed_at=moment,
    )


def spec_named(control: Control, name: str) -> Spec:
    """The spec of this name; `Invalid` names those that there are."""
    for spec in control.settings.specs:
        if spec.name == name:
            return spec
    known = ", ".join(spec.name for spec in control.settings.specs)
    raise Invalid(f"There is no spec {name[:40]!r}.", f"Choose one of: {known}.")


def want(control: Control, row: Instance, desired: Desired, state: InstanceState) -> None:
    """Write down what is wanted and the state that this leads to at once."""
    row.desired, row.state = desired, state
    row.reason = Reason.REQUESTED
    row.message, row.percent = "", None
    row.endpoints = None
    row.changed_at = control.clock()


async def end(session: AsyncSession, control: Control, row: Instance) -> None:
    """The instance holds nothing any more: it is at rest or gone."""
    await release(session, control, row.id)
    row.asked, row.failure, row.percent = False, "", None
    row.save_now = None
    row.queued_at = row.queue_at = row.queue_place = row.endpoints = None
    row.stopped_at = control.clock()
    await mount_rows.leave(session, control, row)


async def cancel_snapshots(session: AsyncSession, row: Instance) -> None:
    """A stop does not wait for a copy that is under way."""
    for snapshot in await session.scalars(_under_way(row.id)):
        snapshot.cancel = True


async def is_being_saved(session: AsyncSession, instance_id: str) -> bool:
    """Whether its container is being read, or is about to be."""
    return await session.scalar(_under_way(instance_id).limit(1)) is not None


def _under_way(instance_id: str) -> Select[Snapshot]:
    return select(Snapshot).where(
        Snapshot.instance_id == instance_id,
        Snapshot.state.not_in([state.value for state in ENDED]),
    )
