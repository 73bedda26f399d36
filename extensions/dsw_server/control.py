"""How an instance talks to control: as itself, with its own hub token, about itself only."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import httpx

from dsw.errors import NotFound, RemoteError, Unavailable

if TYPE_CHECKING:
    from dsw.snapshots import SnapshotAsk, SnapshotCreate

TIMEOUT = httpx.Timeout(20.0, connect=5.0)
FORECAST_TIMEOUT = httpx.Timeout(60.0, connect=5.0)
"""On a busy host a helper container takes its time to start."""
NO_CONTENT = 204


class Control:
    """The part of control's API that is about this one instance.

    Answers are control's JSON as it is. Raises `NotFound` outside a workbench's instance,
    `Unavailable` when control does not answer, `RemoteError` when it refuses.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        names = ("DSW_CONTROL_URL", "DSW_INSTANCE_ID", "JUPYTERHUB_API_TOKEN")
        self._url, self._instance_id, self._token = (environ.get(name, "") for name in names)

    @cached_property
    def _http(self) -> httpx.AsyncClient:
        # Made when it is first needed: reading the CA bundle would make the server start later.
        return httpx.AsyncClient(
            base_url=f"{self._url.rstrip('/')}/api/",
            headers={"Authorization": f"Bearer {self._token}"},
            timeout=TIMEOUT,
            # A transport of our own: control is on the private network, and a proxy that the
            # environment names for the outer world could not reach it.
            transport=httpx.AsyncHTTPTransport(),
        )

    async def close(self) -> None:
        """Close the connections."""
        if "_http" in self.__dict__:
            await self._http.aclose()

    async def instance(self) -> Any:
        """The InstanceView of this instance."""
        return await self._call("GET", f"instances/{self._instance_id}")

    async def snapshots(self) -> Any:
        """A list of this instance's SnapshotViews."""
        return await self._call("GET", "snapshots", params={"instance": self._instance_id})

    async def snapshot(self, snapshot_id: str) -> Any:
        """The SnapshotView, if it is of this instance."""
        found = await self._call("GET", f"snapshots/{snapshot_id}")
        if found.get("instance_id") != self._instance_id:
            raise NotFound(f"This instance has no snapshot {snapshot_id}.")
        return found

    async def save(self, wanted: SnapshotCreate) -> Any:
        """Start a snapshot of this instance; its SnapshotView."""
        path = f"instances/{self._instance_id}/snapshots"
        return await self._call("POST", path, json=wanted.model_dump(mode="json"))

    async def forecast(self, wanted: SnapshotAsk) -> Any:
        """What a snapshot of this instance would ship, as a Forecast."""
        path = f"instances/{self._instance_id}/snapshots/forecast"
        body = wanted.model_dump(mode="json")
        return await self._call("POST", path, json=body, timeout=FORECAST_TIMEOUT)

    async def report(self, snapshot_id: str) -> Any:
        """The ImageReportView of what a snapshot of this instance made."""
        image_id = (await self.snapshot(snapshot_id)).get("image_id")
        if not image_id:
            raise NotFound(
                f"The snapshot {snapshot_id} made no image.", "One that was saved has a report."
            )
        return await self._call("GET", f"images/{image_id}/report")

    async def cancel(self, snapshot_id: str) -> Any:
        """Ask a snapshot of this instance to end; its SnapshotView."""
        await self.snapshot(snapshot_id)
        return await self._call("POST", f"snapshots/{snapshot_id}/cancel")

    async def visitors(self) -> Any:
        """Visitors: who else may use this instance, and how far."""
        return await self._call("GET", f"instances/{self._instance_id}/visitors")

    async def tell_endpoints(self, found: dict[str, Any]) -> None:
        """Tell which apps this instance has and which ports are open, as Endpoints."""
        await self._call("PUT", f"instances/{self._instance_id}/endpoints", json=found)

    async def put_ssh(self, host: dict[str, str]) -> None:
        """Tell how this instance is reached by SSH, as an SshHost."""
        await self._call("PUT", f"instances/{self._instance_id}/ssh", json=host)

    async def ssh_entry(self, ticket: str) -> Any:
        """SshEntry: whose ticket this is, and the keys they may log in with."""
        path = f"instances/{self._instance_id}/ssh/entries"
        return await self._call("POST", path, json={"ticket": ticket})

    async def ssh_entrants(self) -> Any:
        """SshEntrants: who may be here by SSH now, and with which keys."""
        return await self._call("GET", f"instances/{self._instance_id}/ssh/entrants")

    async def _call(self, method: str, path: str, **options: Any) -> Any:
        if not (self._url and self._instance_id and self._token):
            raise NotFound("This server was not started by the workbench.")
        try:
            response = await self._http.request(method, path, **options)
            if response.status_code == NO_CONTENT:
                return None
            body = response.json()
            if not isinstance(body, dict):
                raise ValueError("not an object")
        except (httpx.HTTPError, ValueError) as error:
            # What is no JSON object comes from a proxy in between, not from control.
            raise Unavailable(
                "The workbench's control service does not answer.", "Try again in a minute."
            ) from error
        if response.is_success:
            return body
        raise RemoteError(
            response.status_code,
            str(body.get("code", "remote")),
            str(body.get("detail") or f"Control answered with status {response.status_code}."),
        )
