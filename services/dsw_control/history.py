"""The history of objects: written in the transaction that changes them, then told to listeners."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.events import EventView
from dsw.images import ImageView
from dsw.instances import InstanceView
from dsw.snapshots import SnapshotView
from dsw_control.bus import Change
from dsw_control.context import Control
from dsw_control.store.paging import PageRequest, paged
from dsw_control.store.tables import Event, Image, Instance, Snapshot
from dsw_control.views import image_view, instance_view, snapshot_view


def add_event(session: AsyncSession, control: Control, row: Instance | Snapshot) -> Event:
    """Write down the state that the row has now."""
    is_snapshot = isinstance(row, Snapshot)
    event = Event(
        at=control.clock(),
        object_id=row.id,
        kind="snapshot" if is_snapshot else "instance",
        state=row.state,
        reason=row.reason,
        message=row.message,
        percent=None if isinstance(row, Snapshot) else row.percent,
        bytes_done=row.bytes_done if isinstance(row, Snapshot) else None,
        bytes_total=row.bytes_total if isinstance(row, Snapshot) else None,
    )
    session.add(event)
    return event


def tell(control: Control, row: Instance | Snapshot | Image, event: Event | None = None) -> None:
    """Hand the object's view, and the event if any, to whoever listens. After the commit."""
    view: InstanceView | SnapshotView | ImageView
    if isinstance(row, Instance):
        kind, view = "instance", instance_view(control, row)
    elif isinstance(row, Snapshot):
        kind, view = "snapshot", snapshot_view(row)
    else:
        kind, view = "image", image_view(row)
    _publish(control, kind, row, view.model_dump_json())
    if event is not None:
        _publish(control, "event", row, EventView.model_validate(event).model_dump_json(), event.id)


def tell_gone(control: Control, row: Instance | Image) -> None:
    """Say that an object is no more."""
    _publish(control, "gone", row, f'{{"id": "{row.id}"}}')


def _publish(
    control: Control,
    name: str,
    row: Instance | Snapshot | Image,
    data: str,
    event_id: int | None = None,
) -> None:
    control.bus.publish(
        Change(
            event=name,
            object_id=row.id,
            owner=row.owner,
            workspace_id=row.workspace_id,
            visibility=row.visibility if isinstance(row, Image) else None,
            data=data,
            event_id=event_id,
        )
    )


async def events_of(
    session: AsyncSession, object_id: str, after: int, page: PageRequest
) -> tuple[list[EventView], str | None]:
    """The history of one object after an event's id, oldest first, and the next page's cursor."""
    query = select(Event).where(Event.object_id == object_id, Event.id > after)
    rows, cursor = await paged(session, query, [(Event.id, False)], page)
    return [EventView.model_validate(row) for row in rows], cursor
