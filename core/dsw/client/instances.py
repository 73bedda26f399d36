"""Calls for instances, their history, and whom they are shared with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypedDict, Unpack

from dsw.client.transport import Transport, path_of
from dsw.events import EventView
from dsw.instances import (
    InstanceChange,
    InstanceCreate,
    InstanceStart,
    InstanceState,
    InstanceStop,
    InstanceView,
)
from dsw.sharing import SharePut, ShareView


class InstanceFilters(TypedDict, total=False):
    """What a list of instances is narrowed to; a workspace by id or name."""

    workspace: str | None
    owner: str | None
    name: str | None
    state: InstanceState | None


class InstanceCalls(Transport):
    """Instances by id."""

    def instances(
        self,
        everybody: bool = False,
        shared: bool = False,
        limit: int | None = None,
        **filters: Unpack[InstanceFilters],
    ) -> list[InstanceView]:
        """The caller's instances; with `everybody` all that they may see, with `shared` those that
        others share with them."""
        params = {"all": everybody or None, "shared": shared or None, **filters}
        return self._items("instances", InstanceView, params, limit)

    def instance(self, instance_id: str) -> InstanceView:
        """One instance."""
        return self._one(path_of("instances", instance_id), InstanceView)

    def create_instance(self, body: InstanceCreate) -> InstanceView:
        """Create an instance, and start it unless the body says otherwise."""
        return self._create("instances", InstanceView, body)

    def change_instance(
        self, instance_id: str, body: InstanceChange, if_unchanged: bool = False
    ) -> InstanceView:
        """Change an instance; what is None stays."""
        path = path_of("instances", instance_id)
        return self._change("PATCH", path, InstanceView, body, if_unchanged)

    def start_instance(self, instance_id: str, body: InstanceStart | None = None) -> InstanceView:
        """Start a stopped or failed instance."""
        return self._act(path_of("instances", instance_id, "start"), InstanceView, body)

    def stop_instance(self, instance_id: str, body: InstanceStop | None = None) -> InstanceView:
        """Stop an instance, and save it as an image when the body or the instance says so."""
        return self._act(path_of("instances", instance_id, "stop"), InstanceView, body)

    def delete_instance(self, instance_id: str) -> InstanceView:
        """Delete an instance."""
        return InstanceView.model_validate(self._delete(path_of("instances", instance_id)))

    def events(self, instance_id: str, after: int = 0, limit: int | None = None) -> list[EventView]:
        """The history of an instance after an event id."""
        path = path_of("instances", instance_id, "events")
        return self._items(path, EventView, {"after": after}, limit)

    def follow(self, instance_id: str, after: int = 0) -> Iterator[EventView]:
        """The history of an instance, then what happens, until the instance is gone."""
        path = path_of("instances", instance_id, "events", "stream")
        for line in self._lines(path, headers={"Last-Event-ID": str(after)}):
            if line.startswith("data:"):
                yield EventView.model_validate_json(line[5:])

    def shares(self, instance_id: str, limit: int | None = None) -> list[ShareView]:
        """With whom an instance is shared."""
        return self._items(path_of("instances", instance_id, "shares"), ShareView, limit=limit)

    def share(self, instance_id: str, body: SharePut) -> ShareView:
        """Share an instance, or change how it is shared."""
        return self._change("PUT", path_of("instances", instance_id, "shares"), ShareView, body)

    def end_share(self, instance_id: str, share_id: str) -> None:
        """Stop sharing."""
        self._delete(path_of("instances", instance_id, "shares", share_id))
