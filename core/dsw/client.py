"""The typed client of control's REST API, for the CLI and for scripts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, TypeVar

import httpx
from pydantic import TypeAdapter

from dsw.errors import RemoteError, Unavailable
from dsw.events import EventView
from dsw.images import ImageView
from dsw.instances import InstanceChange, InstanceCreate, InstanceView
from dsw.snapshots import SnapshotCreate, SnapshotView
from dsw.specs import Spec
from dsw.workspaces import Me, WorkspaceView

T = TypeVar("T")


class Client:
    """One workbench, as one user. `url` is the hub's public address, `token` a hub token.

    Refusals raise `RemoteError` with control's sentence; an unreachable workbench `Unavailable`.
    """

    def __init__(self, url: str, token: str, timeout: float = 30) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.Client(
            base_url=f"{self.url}/services/dsw/api/",
            headers={"Authorization": f"Bearer {token}"},
            timeout=timeout,
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._http.close()

    def me(self) -> Me:
        """Who the token belongs to."""
        return Me.model_validate(self._get("me"))

    def workspaces(self) -> list[WorkspaceView]:
        """The caller's workspaces."""
        return self._items("workspaces", WorkspaceView)

    def specs(self) -> list[Spec]:
        """The sizes that an instance can have."""
        return self._items("specs", Spec)

    def images(self) -> list[ImageView]:
        """The catalog as the caller sees it."""
        return self._items("images", ImageView)

    def delete_image(self, image_id: str) -> None:
        """Delete a saved image."""
        self._call("DELETE", f"images/{image_id}")

    def instances(self, everybody: bool = False) -> list[InstanceView]:
        """The caller's instances; with `everybody` all, for administrators."""
        return self._items("instances", InstanceView, {"all": everybody})

    def instance(self, instance_id: str) -> InstanceView:
        """One instance by id."""
        return InstanceView.model_validate(self._get(f"instances/{instance_id}"))

    def create_instance(self, body: InstanceCreate) -> InstanceView:
        """Create an instance, and start it unless the body says otherwise."""
        return InstanceView.model_validate(self._call("POST", "instances", body.model_dump()))

    def change_instance(self, instance_id: str, body: InstanceChange) -> InstanceView:
        """Change an instance; what is None stays."""
        sent = body.model_dump(exclude_none=True)
        return InstanceView.model_validate(self._call("PATCH", f"instances/{instance_id}", sent))

    def start_instance(self, instance_id: str) -> InstanceView:
        """Start a stopped or failed instance."""
        return InstanceView.model_validate(self._call("POST", f"instances/{instance_id}/start"))

    def stop_instance(self, instance_id: str) -> InstanceView:
        """Stop an instance."""
        return InstanceView.model_validate(self._call("POST", f"instances/{instance_id}/stop"))

    def delete_instance(self, instance_id: str) -> InstanceView:
        """Delete an instance."""
        return InstanceView.model_validate(self._call("DELETE", f"instances/{instance_id}"))

    def events(self, instance_id: str, after: int = 0) -> list[EventView]:
        """The history of an instance after an event id."""
        return self._items(f"instances/{instance_id}/events", EventView, {"after": after})

    def follow(self, instance_id: str, after: int = 0) -> Iterator[EventView]:
        """The history of an instance, then what happens, until the instance is gone."""
        headers = {"Last-Event-ID": str(after)}
        try:
            with self._http.stream(
                "GET", f"instances/{instance_id}/events/stream", headers=headers, timeout=None
            ) as answer:
                _checked(answer)
                for line in answer.iter_lines():
                    if line.startswith("data:"):
                        yield EventView.model_validate_json(line[5:])
        except httpx.HTTPError as error:
            raise self._unreachable() from error

    def create_snapshot(self, instance_id: str, body: SnapshotCreate) -> SnapshotView:
        """Save an instance as an image."""
        path = f"instances/{instance_id}/snapshots"
        return SnapshotView.model_validate(self._call("POST", path, body.model_dump()))

    def snapshots(self, instance_id: str | None = None) -> list[SnapshotView]:
        """The caller's snapshots, of one instance or of all."""
        params = {"instance": instance_id} if instance_id else {}
        return self._items("snapshots", SnapshotView, params)

    def snapshot(self, snapshot_id: str) -> SnapshotView:
        """One snapshot."""
        return SnapshotView.model_validate(self._get(f"snapshots/{snapshot_id}"))

    def cancel_snapshot(self, snapshot_id: str) -> SnapshotView:
        """End a snapshot that is under way."""
        return SnapshotView.model_validate(self._call("POST", f"snapshots/{snapshot_id}/cancel"))

    def _items(self, path: str, kind: type[T], params: dict[str, Any] | None = None) -> list[T]:
        return TypeAdapter(list[kind]).validate_python(  # type: ignore[valid-type]
            self._get(path, params)["items"]
        )

    def _get(self, path: str, params: dict[str, Any] | None = None) -> Any:
        return self._read(lambda: self._http.get(path, params=params))

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        return self._read(lambda: self._http.request(method, path, json=body))

    def _read(self, send: Callable[[], httpx.Response]) -> Any:
        try:
            answer = send()
        except httpx.HTTPError as error:
            raise self._unreachable() from error
        _checked(answer)
        return answer.json() if answer.content else None

    def _unreachable(self) -> Unavailable:
        return Unavailable(f"The workbench at {self.url} does not answer.", "Is the address right?")


def _checked(answer: httpx.Response) -> None:
    """Nothing for a success, `RemoteError` with the sentence of a refusal."""
    if answer.status_code < 400:
        return
    answer.read()
    try:
        problem = answer.json()
        raise RemoteError(answer.status_code, problem["code"], problem["detail"])
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise RemoteError(
            answer.status_code,
            "http",
            f"{answer.request.url} answered {answer.status_code}; is that the workbench's address?",
        ) from error
