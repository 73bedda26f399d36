"""Calls for the datasets that are mounted in an instance."""

from __future__ import annotations

from dsw.client.transport import Transport, path_of
from dsw.mounts import MountCreate, MountView


class MountCalls(Transport):
    """Mounts by id, of an instance by its id."""

    def mounts(self, instance_id: str, limit: int | None = None) -> list[MountView]:
        """What is mounted in an instance, or is to be when it runs."""
        return self._items(path_of("instances", instance_id, "mounts"), MountView, limit=limit)

    def mount(self, instance_id: str, mount_id: str) -> MountView:
        """One mount."""
        return self._one(path_of("instances", instance_id, "mounts", mount_id), MountView)

    def create_mount(self, instance_id: str, body: MountCreate) -> MountView:
        """Mount a dataset in a running instance."""
        return self._create(path_of("instances", instance_id, "mounts"), MountView, body)

    def remove_mount(self, instance_id: str, mount_id: str, force: bool = False) -> MountView:
        """Unmount; with `force` also when processes use it. It may still be Unmounting."""
        path = path_of("instances", instance_id, "mounts", mount_id)
        return MountView.model_validate(self._delete(path, {"force": force or None}))
