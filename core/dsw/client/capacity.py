"""Calls for what there is to run on: specs, resource groups, quotas and the queue."""

from __future__ import annotations

from dsw.client.transport import Transport, path_of
from dsw.queueing import QueueEntryView, QueueMove
from dsw.quota import Quota
from dsw.resources import QuotaView, ResourceGroupView
from dsw.specs import Spec


class CapacityCalls(Transport):
    """Resource groups by name, queue entries by the id of the instance that waits."""

    def specs(self, limit: int | None = None) -> list[Spec]:
        """The sizes that an instance can have."""
        return self._items("specs", Spec, limit=limit)

    def resource_groups(self, limit: int | None = None) -> list[ResourceGroupView]:
        """The pools of compute, and what is free in them."""
        return self._items("resource-groups", ResourceGroupView, limit=limit)

    def quotas(self, workspace: str, limit: int | None = None) -> list[QuotaView]:
        """What a workspace may use of each resource group, and uses."""
        return self._items(path_of("workspaces", workspace, "quotas"), QuotaView, limit=limit)

    def quota(self, workspace: str, resource_group: str) -> QuotaView:
        """What a workspace may use of one resource group, and uses."""
        return self._one(path_of("workspaces", workspace, "quotas", resource_group), QuotaView)

    def put_quota(
        self, workspace: str, resource_group: str, body: Quota, if_unchanged: bool = False
    ) -> QuotaView:
        """Set a workspace's quota in a resource group in full."""
        path = path_of("workspaces", workspace, "quotas", resource_group)
        return self._change("PUT", path, QuotaView, body, if_unchanged)

    def delete_quota(self, workspace: str, resource_group: str) -> None:
        """Let a workspace use nothing of a resource group any more."""
        self._delete(path_of("workspaces", workspace, "quotas", resource_group))

    def queue(
        self,
        workspace: str | None = None,
        resource_group: str | None = None,
        limit: int | None = None,
    ) -> list[QueueEntryView]:
        """Who waits, in the order of the queue."""
        params = {"workspace": workspace, "resource_group": resource_group}
        return self._items("queue", QueueEntryView, params, limit)

    def move_in_queue(self, instance_id: str, body: QueueMove) -> QueueEntryView:
        """Give one who waits another place."""
        return self._change("PATCH", path_of("queue", instance_id), QueueEntryView, body)

    def cancel_in_queue(self, instance_id: str) -> None:
        """Take one who waits from the queue; the instance stays, stopped."""
        self._delete(path_of("queue", instance_id))
