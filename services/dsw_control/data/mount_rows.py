"""What the row of a mount goes through, each change with a line in its instance's history."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.base import Model
from dsw.datasets import DataAccess
from dsw.mounts import Holder, MountKind, MountReason, MountState, MountView
from dsw.names import new_id
from dsw.node_mounts import Area
from dsw.plan import DATA, DYNAMIC
from dsw_control.context import Control
from dsw_control.history import tell
from dsw_control.store.tables import Dataset, Event, Instance, Mount

NAMED: dict[MountState, str] = {
    MountState.MOUNTING: "is being mounted at",
    MountState.MOUNTED: "is mounted at",
    MountState.DEGRADED: "cannot be read at",
    MountState.UNMOUNTING: "is being unmounted from",
    MountState.UNMOUNTED: "is no longer mounted at",
    MountState.FAILED: "was not mounted at",
}

Told = list[tuple[Instance, Event]]


class Why(Model):
    """Why a mount is in its state, and the processes that keep it."""

    reason: MountReason = MountReason.NONE
    message: str = ""
    holders: list[Holder] = Field(default_factory=list)


def new_row(control: Control, instance: Instance, dataset: Dataset, target: str) -> Mount:
    """A row of a static mount that is not mounted yet."""
    moment = control.clock()
    return Mount(
        id=new_id("mnt"),
        instance_id=instance.id,
        workspace_id=instance.workspace_id,
        dataset_id=dataset.id,
        version=None,
        mounted_version=dataset.version,
        kind=MountKind.STATIC,
        name=dataset.name,
        target=target,
        access=DataAccess.RO,
        keep=False,
        desired=True,
        force=False,
        source="",
        state=MountState.UNMOUNTED,
        reason="",
        message="",
        holders=[],
        attempts=0,
        created_by=instance.owner,
        created_at=moment,
        changed_at=moment,
    )


def live(instance_id: str) -> Select[Mount]:
    """The mounts of an instance that have not ended, in the order in which they were asked for."""
    query = select(Mount).where(Mount.instance_id == instance_id, Mount.ended_at.is_(None))
    return query.order_by(Mount.created_at, Mount.id)


def place_of(row: Mount) -> tuple[Area, str]:
    """Where below the instance's folder it is mounted."""
    if row.kind == MountKind.DYNAMIC:
        return Area.DYNAMIC, row.name
    if row.target.startswith(f"{DATA}/"):
        return Area.DATA, row.target.removeprefix(f"{DATA}/")
    return Area.PATHS, row.id


def dynamic_target(name: str) -> str:
    """Where an instance sees a dynamic mount."""
    return f"{DYNAMIC}/{name}"


def become(
    session: AsyncSession,
    control: Control,
    row: Mount,
    state: MountState,
    why: Why | None = None,
) -> Event | None:
    """Another state, with why; the line of history, or None when nothing is new."""
    why = why or Why()
    same = (row.state, row.reason, row.message) == (state, why.reason, why.message)
    row.state, row.reason, row.message = state, why.reason, why.message
    row.holders = [holder.model_dump(mode="json") for holder in why.holders]
    row.changed_at = control.clock()
    if state is not MountState.MOUNTING:
        row.percent = None
    if same:
        return None
    event = Event(
        at=row.changed_at,
        object_id=row.instance_id,
        kind="mount",
        state=state,
        reason=why.reason,
        message=f"{row.name} {NAMED[state]} {row.target}. {why.message}".strip(),
        percent=row.percent,
    )
    session.add(event)
    return event


def end_row(control: Control, row: Mount) -> None:
    """It is gone for good."""
    row.desired, row.ended_at = False, control.clock()


async def leave(session: AsyncSession, control: Control, instance: Instance) -> list[Event]:
    """The instance does not run any more: what is mounted for it goes, and what is not to come
    back at its next start ends."""
    events = []
    deleted = instance.deleted_at is not None
    for row in await session.scalars(live(instance.id)):
        stays = row.desired and (row.kind == MountKind.STATIC or row.keep)
        row.desired = stays and not deleted
        row.attempts = 0
        if row.state == MountState.UNMOUNTED:
            if deleted:
                end_row(control, row)
            continue
        why = Why(reason=MountReason.INSTANCE_STOPPED)
        if event := become(session, control, row, MountState.UNMOUNTING, why):
            events.append(event)
    return events


def tell_all(control: Control, told: Told) -> None:
    """Hand the lines to whoever listens. After the commit."""
    for instance, event in told:
        tell(control, instance, event)


async def names_of(session: AsyncSession, ids: Iterable[str]) -> dict[str, str]:
    """The names of datasets by their ids."""
    query = select(Dataset.id, Dataset.name).where(Dataset.id.in_(set(ids)))
    return {row.id: row.name for row in await session.execute(query)}


def mount_view(row: Mount, dataset_name: str) -> MountView:
    """A mount as clients get it."""
    fields = {name: getattr(row, name) for name in _FIELDS}
    return MountView(**fields, dataset_name=dataset_name, version=row.mounted_version)


_FIELDS = frozenset(MountView.model_fields) - {"dataset_name", "version"}
