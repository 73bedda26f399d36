"""How an instance talks to control: as itself, with its own hub token, about itself only."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import httpx

from dsw.errors import NotFound, RemoteError, Unavailable

if TYPE_CHECKING:
    from dsw.mounts import MountCreate
    from dsw.snapshots import SnapshotAsk, SnapshotCreate

TIMEOUT = httpx.Timeout(20.0, connect=5.0)
FORECAST_TIMEOUT = httpx.Timeout(60.0, connect=5.0)
"""On a busy host a helper container takes its time to start."""
DATA_TIMEOUT = httpx.Timeout(60.0, connect=5.0)
"""A store far away takes its time to list a folder, and control waits for what is unmounted."""
NO_CONTENT = 204
MOUNT_PERIOD = 0.4
UNDER_WAY = frozenset({"Mounting", "Unmounting"})


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

    async def datasets(self, asked: Mapping[str, str]) -> Any:
        """A page of DatasetViews, narrowed to what was asked."""
        return await self._call("GET", "datasets", params=asked)

    async def dataset(self, dataset_id: str) -> Any:
        """The DatasetView with its versions."""
        return await self._call("GET", f"datasets/{dataset_id}")

    async def dataset_files(self, dataset_id: str, asked: Mapping[str, str]) -> Any:
        """A page of FileEntries of a folder."""
        path = f"datasets/{dataset_id}/files"
        return await self._call("GET", path, params=asked, timeout=DATA_TIMEOUT)

    async def preview(self, dataset_id: str, asked: Mapping[str, str]) -> Any:
        """The beginning of a file, as a Preview."""
        path = f"datasets/{dataset_id}/preview"
        return await self._call("GET", path, params=asked, timeout=DATA_TIMEOUT)

    async def mounts(self, asked: Mapping[str, str]) -> Any:
        """A page of this instance's MountViews."""
        return await self._call("GET", f"instances/{self._instance_id}/mounts", params=asked)

    async def mount(self, mount_id: str, wait: float = 0) -> Any:
        """The MountView, after at most `wait` seconds in which it was still being (un)mounted."""
        path = f"instances/{self._instance_id}/mounts/{mount_id}"
        until = time.monotonic() + wait
        found = await self._call("GET", path)
        while found.get("state") in UNDER_WAY and time.monotonic() < until:
            await asyncio.sleep(MOUNT_PERIOD)
            found = await self._call("GET", path)
        return found

    async def add_mount(self, wanted: MountCreate) -> Any:
        """Mount a dataset in this instance; its MountView, which is Mounting."""
        path = f"instances/{self._instance_id}/mounts"
        body = wanted.model_dump(mode="json", exclude_none=True)
        return await self._call("POST", path, json=body)

    async def remove_mount(self, mount_id: str, force: bool) -> Any:
        """Unmount; control's answer: a MountView, or None when there is nothing more to say."""
        path = f"instances/{self._instance_id}/mounts/{mount_id}"
        params = {"force": "true"} if force else {}
        return await self._call("DELETE", path, params=params, timeout=DATA_TIMEOUT)

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
