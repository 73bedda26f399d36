"""Launch plans for tests, and the ids that they need."""

from __future__ import annotations

from typing import Any

from dsw import names
from dsw.plan import LaunchPlan, PlanRequest

MIB = 1024**2


def a_plan(**changes: Any) -> LaunchPlan:
    """A small plan; `changes` replace its fields."""
    fields: dict[str, Any] = {
        "installation": "t",
        "instance_id": names.new_id("dsw"),
        "attempt": 1,
        "owner": "alice",
        "name": "train",
        "workspace_id": names.new_id("ws"),
        "image_id": names.new_id("img"),
        "image_name": "minimal",
        "image_reference": "",
        "image_digest": "sha256:" + "0" * 64,
        "cpu": 1,
        "memory": 512 * MIB,
        "shared_memory": 64 * MIB,
        "pids": 512,
        "environment": {"HOME": "/mnt/workspace", "DSW_INSTANCE_NAME": "train"},
        "home": "/nonexistent",
        "network": "dsw-t",
        "sudo": False,
    }
    return LaunchPlan.model_validate({**fields, **changes})


class Planner:
    """Plans for named servers: the same instance for the same name, attempts counted."""

    def __init__(self, **fields: Any) -> None:
        self.fields = fields
        self.next: dict[str, Any] = {}
        self.ids: dict[tuple[str, str], str] = {}
        self.attempts: dict[str, int] = {}

    def __call__(self, request: PlanRequest) -> LaunchPlan:
        key = (request.owner, request.name)
        instance_id = self.ids.setdefault(key, names.new_id("dsw"))
        self.attempts[instance_id] = self.attempts.get(instance_id, 0) + 1
        return a_plan(
            instance_id=instance_id,
            attempt=self.attempts[instance_id],
            owner=request.owner,
            name=request.name,
            **{**self.fields, **self.next},
        )

    def forget(self, owner: str, name: str) -> None:
        """The instance was deleted: the next of this name is another one."""
        self.ids.pop((owner, name), None)
