"""Calls for saving instances as images."""

from __future__ import annotations

from dsw.client.transport import Transport, path_of
from dsw.events import EventView
from dsw.image_report import Forecast
from dsw.snapshots import SnapshotAsk, SnapshotCreate, SnapshotView


class SnapshotCalls(Transport):
    """Snapshots by id."""

    def forecast_snapshot(self, instance_id: str, body: SnapshotAsk) -> Forecast:
        """What saving an instance would ship now."""
        path = path_of("instances", instance_id, "snapshots", "forecast")
        return self._act(path, Forecast, body)

    def create_snapshot(self, instance_id: str, body: SnapshotCreate) -> SnapshotView:
        """Save an instance as an image."""
        return self._create(path_of("instances", instance_id, "snapshots"), SnapshotView, body)

    def snapshots(
        self, instance_id: str | None = None, limit: int | None = None
    ) -> list[SnapshotView]:
        """The caller's snapshots, of one instance or of all."""
        return self._items("snapshots", SnapshotView, {"instance": instance_id}, limit)

    def snapshot(self, snapshot_id: str) -> SnapshotView:
        """One snapshot."""
        return self._one(path_of("snapshots", snapshot_id), SnapshotView)

    def cancel_snapshot(self, snapshot_id: str) -> SnapshotView:
        """End a snapshot that is under way."""
        return self._act(path_of("snapshots", snapshot_id, "cancel"), SnapshotView)

    def snapshot_events(
        self, snapshot_id: str, after: int = 0, limit: int | None = None
    ) -> list[EventView]:
        """The history of a snapshot after an event id."""
        path = path_of("snapshots", snapshot_id, "events")
        return self._items(path, EventView, {"after": after}, limit)
