"""Saving an instance because it stops: when that is wanted, and how many such images are kept."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.errors import DswError
from dsw.images import Visibility
from dsw.lifecycle import ContainerView
from dsw.roles import Action
from dsw.snapshots import SnapshotCreate
from dsw.workspaces import Policy
from dsw_control.access import require
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.history import add_event
from dsw_control.records.audit import record
from dsw_control.records.storage import check_storage
from dsw_control.snapshots import new_snapshot
from dsw_control.store.tables import Event, Image, Instance, Snapshot, Workspace

Saving = tuple[Snapshot, Event]


async def save_at_stop(
    session: AsyncSession, control: Control, row: Instance, container: ContainerView
) -> Saving | None:
    """Write down that what has just stopped is to be saved, where its owner wants that and may.

    Called before the row says that it has ended. What stands in the way is added to its message.
    """
    wanted = row.save_on_stop if row.save_now is None else row.save_now
    was_up = row.started_at is not None and row.stopped_at is None
    if not (wanted and was_up and container is ContainerView.EXITED):
        return None
    try:
        await require(session, Caller(name=row.owner), row.workspace_id, Action.SNAPSHOT_OWN)
        await check_storage(session, control, row.workspace_id)
    except DswError as error:
        row.message = f"{row.message} It was not saved: {error.sentence}".strip()
        return None
    body = SnapshotCreate(name=_name(row.display_name, control.clock()))
    snapshot = await new_snapshot(session, control, row, body)
    snapshot.automatic = True
    session.add(snapshot)
    target = (snapshot.id, row.workspace_id)
    record(session, control, None, Action.SNAPSHOT_OWN, target, did="create", instance=row.id)
    return snapshot, add_event(session, control, snapshot)


def _name(display_name: str, moment: datetime) -> str:
    """At most 100 characters, the moment in UTC."""
    return f"{display_name[:80]} {moment:%Y-%m-%d %H:%M}"


async def discard_older(session: AsyncSession, control: Control, newest: Snapshot) -> list[Image]:
    """Retire the instance's older automatic images that nobody uses, shares or gave a tag."""
    workspace = await session.get_one(Workspace, newest.workspace_id)
    keep = Policy.model_validate(workspace.policy).snapshots.keep_last
    if keep == 0:
        return []
    await session.flush()
    images = await session.scalars(
        select(Image)
        .join(Snapshot, Snapshot.image_id == Image.id)
        .where(
            Snapshot.instance_id == newest.instance_id,
            Snapshot.automatic,
            Image.retired_at.is_(None),
        )
        .order_by(Snapshot.created_at.desc(), Snapshot.id.desc())
    )
    gone = []
    for image in images.all()[keep:]:
        if image.visibility != Visibility.PRIVATE or image.tag or await _is_used(session, image):
            continue
        image.retired_at, image.discard = control.clock(), True
        target = (image.id, image.workspace_id)
        why = {"name": image.name, "digest": image.digest, "keep_last": keep}
        record(session, control, None, Action.IMAGE_DELETE_OWN, target, **why)
        gone.append(image)
    return gone


async def _is_used(session: AsyncSession, image: Image) -> bool:
    users = select(Instance.id).where(Instance.image_id == image.id, Instance.deleted_at.is_(None))
    return await session.scalar(users.limit(1)) is not None
