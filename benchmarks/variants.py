"""The two things compared, behind the same four verbs: begin, stop, begin again, delete."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Protocol

import httpx
from clients import Moments, accept, timed_start
from plain_hub import PlainHub
from tests.workbenches import User, docker

from dsw.names import container_name


@dataclass(frozen=True)
class Run:
    """One start: its moments, and the marks on the way, in seconds from the POST."""

    moments: Moments
    marks: dict[str, float] = field(default_factory=dict)


class Variant(Protocol):
    """One way to start servers. A server is named once and then fresh, kept or gone."""

    async def fresh(self, name: str) -> Run:
        """Start a server that never was."""

    async def again(self, name: str) -> Run:
        """Stop it, and start it from its kept container."""

    async def delete(self, name: str) -> None:
        """Leave nothing of it."""


class Ours:
    """Instances of this workbench, by control's public API."""

    def __init__(self, user: User, image: str, spec: str) -> None:
        self._user, self._image, self._spec = user, image, spec
        self._ids: dict[str, str] = {}

    async def fresh(self, name: str) -> Run:
        """`POST instances`."""
        # Looked up each time: an image that is rebuilt meanwhile has another id.
        image = self._user.image(self._image)
        body = {"name": name, "image": image, "spec": self._spec}
        moments = await self._timed(name, "instances", body)
        items = self._user.get("instances")["items"]
        self._ids[name] = next(item["id"] for item in items if item["name"] == name)
        return self._run(name, moments)

    async def again(self, name: str) -> Run:
        """`POST instances/{id}/start`."""
        path = f"instances/{self._ids[name]}"
        accept(self._user.http.post(f"{path}/stop"))
        await asyncio.to_thread(self._user.wait, self._ids[name], "Stopped")
        return self._run(name, await self._timed(name, f"{path}/start", {}))

    async def delete(self, name: str) -> None:
        """Delete the instance, and wait until it is gone."""
        await asyncio.to_thread(self._user.delete, self._ids.pop(name))

    async def _timed(self, name: str, path: str, body: dict[str, str]) -> Moments:
        user = self._user

        async def ask(http: httpx.AsyncClient) -> httpx.Response:
            return await http.post(f"{user.http.base_url}{path}", json=body)

        server = f"{user.workbench.url}/user/{user.name}/{name}/"
        return await timed_start(ask, server, user.token)

    def _run(self, name: str, moments: Moments) -> Run:
        instance_id = self._ids[name]
        self._user.wait(instance_id, "Running")
        container = container_name(self._user.workbench.installation, instance_id)
        events = self._user.get(f"instances/{instance_id}/events")["items"]
        marks = {
            f"{event['state']}: {event['message']}": _seconds(event["at"], moments)
            for event in events
        }
        recent = {text: at for text, at in marks.items() if at > -1}
        return Run(moments, container_marks(container, moments) | recent)


class Plain:
    """Servers of the plain hub, by the hub's API."""

    def __init__(self, hub: PlainHub) -> None:
        self._hub = hub

    async def fresh(self, name: str) -> Run:
        """`POST users/{user}/servers/{name}`."""
        hub = self._hub
        moments = await timed_start(partial(hub.start, name), hub.server(name), hub.token)
        return Run(moments, container_marks(hub.container(name), moments))

    async def again(self, name: str) -> Run:
        """The same request; DockerSpawner takes its kept container up again."""
        await self._hub.stop(name)
        return await self.fresh(name)

    async def delete(self, name: str) -> None:
        """Stop the server and remove its container."""
        await self._hub.delete(name)


CREATED, STARTED = "container created", "container started"


def container_marks(name: str, moments: Moments) -> dict[str, float]:
    """When the engine created and started the container, by its own clock."""
    found: dict[str, Any] = json.loads(docker("inspect", name))[0]
    return {
        CREATED: _seconds(found["Created"], moments),
        STARTED: _seconds(found["State"]["StartedAt"], moments),
    }


def _seconds(text: str, moments: Moments) -> float:
    # The engine writes nanoseconds, which `fromisoformat` does not read.
    head, _, fraction = text.removesuffix("Z").partition(".")
    whole = datetime.fromisoformat(f"{head}+00:00").timestamp()
    return whole + float(f"0.{fraction or 0}") - moments.began
