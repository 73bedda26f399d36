"""Rows of the database as the views that clients get."""

from __future__ import annotations

from dsw.images import ImageView
from dsw.instances import InstanceView
from dsw.sharing import Access
from dsw.snapshots import SnapshotView
from dsw_control.context import Control
from dsw_control.store.tables import Image, Instance, Snapshot


def instance_view(control: Control, row: Instance, access: Access | None = None) -> InstanceView:
    """An instance with the address of its server; `access` is that of a visitor."""
    fields = {name: getattr(row, name) for name in _FIELDS}
    url = control.url_of(row.owner, row.name)
    return InstanceView(**fields, queue=row.queue_place, access=access, url=url)


_FIELDS = frozenset(InstanceView.model_fields) - {"url", "queue", "access"}


def image_view(row: Image) -> ImageView:
    """A catalog image."""
    return ImageView.model_validate(row)


def snapshot_view(row: Snapshot) -> SnapshotView:
    """A snapshot."""
    return SnapshotView.model_validate(row)
