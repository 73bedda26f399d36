"""A team with instances and datasets, and the worker of mounts of a control that may be killed."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from sqlalchemy import select
from tests.dsw_control.apis import ADMIN, Api
from tests.dsw_control.fake_nodes import FakeNode
from tests.stub_hub import instance_token

from dsw.instances import Desired, InstanceState
from dsw.plan import LaunchPlan, PlanRequest, UserOptions
from dsw_control import instance_rows
from dsw_control.context import Control
from dsw_control.data.mount_worker import MountWorker
from dsw_control.engines.process import ProcessEngine
from dsw_control.plans import make_plan
from dsw_control.store.tables import Instance, Mount

OWNER, MATE, STRANGER = "ada", "bob", "eve"
"""Of the workspace `team` the owner and a developer; the stranger owns `other`."""


class MountWorld:
    """The API, the worker, and the folder `data` in which all may be written."""

    def __init__(self, api: Api, folder: Path) -> None:
        self.api = api
        self.control: Control = api.control
        self.worker = MountWorker(api.control)
        self.folder = folder
        self.image = ""

    async def fill(self) -> MountWorld:
        """Make the workspaces, their members and the folder's datasets."""
        for name, owner in (("team", OWNER), ("other", STRANGER)):
            await self.api.ok(ADMIN, "POST", "/workspaces", {"name": name, "owner": owner})
        path = f"/workspaces/team/members/{MATE}"
        await self.api.ok(OWNER, "PUT", path, {"roles": ["developer"]})
        self.image = (await self.api.ok(OWNER, "GET", "/images"))["items"][0]["id"]
        return self

    async def dataset(self, name: str, who: str = OWNER, **more: Any) -> str:
        """The id of a new dataset of the team, by default a folder of its name with one file."""
        if "uri" not in more:
            (self.folder / name).mkdir(exist_ok=True)
            (self.folder / name / "file").write_text(f"of {name}")
            more["uri"] = f"file://{self.folder}/{name}"
        body = {"workspace": "team", "name": name, "visibility": "workspace", **more}
        return str((await self.api.ok(who, "POST", "/datasets", body))["id"])

    async def instance(self, name: str = "train", who: str = OWNER, **more: Any) -> str:
        """The id of a new instance that does not run."""
        body = {"workspace": "team", "name": name, "image": self.image, "spec": "one", **more}
        made = await self.api.ok(who, "POST", "/instances", {"start": False, **body})
        return str(made["id"])

    async def plan(self, instance_id: str) -> LaunchPlan:
        """Start an instance as far as control goes, as if on the hub's page."""
        row = await self.row(instance_id)
        request = PlanRequest(owner=row.owner, name=row.name, options=UserOptions())
        return await make_plan(self.control, request)

    async def started(self, instance_id: str) -> LaunchPlan:
        """Start it, and have its server answer."""
        plan = await self.plan(instance_id)
        await self.is_up(instance_id)
        return plan

    async def running(self, name: str = "train", who: str = OWNER, **more: Any) -> str:
        """The id of a new instance that runs."""
        instance_id = await self.instance(name, who, **more)
        await self.started(instance_id)
        return instance_id

    async def is_up(self, instance_id: str) -> None:
        """As the reconciler has it when the hub says so."""
        async with self.control.db.write() as session:
            row = await session.get_one(Instance, instance_id)
            row.state, row.desired = InstanceState.RUNNING, Desired.RUNNING

    async def rests(
        self, instance_id: str, state: InstanceState = InstanceState.STOPPED, deleted: bool = False
    ) -> None:
        """It comes to rest, or is gone, as the reconciler has it."""
        async with self.control.db.write() as session:
            row = await session.get_one(Instance, instance_id)
            row.state, row.desired = state, Desired.STOPPED
            if deleted:
                row.deleted_at = self.control.clock()
            await instance_rows.end(session, self.control, row)

    async def mount(
        self, instance_id: str, dataset: str, who: str | dict[str, str] = OWNER, **more: Any
    ) -> dict[str, Any]:
        """Ask for a dataset in an instance."""
        path = f"/instances/{instance_id}/mounts"
        view: dict[str, Any] = await self.api.ok(who, "POST", path, {"dataset": dataset, **more})
        return view

    async def mounted(
        self, instance_id: str, dataset: str, who: str = OWNER, **more: Any
    ) -> dict[str, Any]:
        """Mount a dataset, and wait until it is there."""
        view = await self.mount(instance_id, dataset, who, **more)
        return await self.becomes(view, "Mounted", who)

    async def becomes(
        self, view: dict[str, Any], state: str, who: str = OWNER, seconds: float = 60
    ) -> dict[str, Any]:
        """The mount once it is in this state."""

        async def look() -> bool:
            return (await self.look(view, who))["state"] == state

        await self.until(look, seconds)
        return await self.look(view, who)

    async def look(self, view: dict[str, Any], who: str = OWNER) -> dict[str, Any]:
        """A mount as it is now."""
        path = f"/instances/{view['instance_id']}/mounts/{view['id']}"
        now: dict[str, Any] = await self.api.ok(who, "GET", path)
        return now

    async def unmount(
        self, view: dict[str, Any], force: bool = False, who: str | dict[str, str] = OWNER
    ) -> tuple[int, str]:
        """Status and sentence, or state, of the answer."""
        query = "?force=true" if force else ""
        path = f"/instances/{view['instance_id']}/mounts/{view['id']}{query}"
        answer = await self.api.send(who, "DELETE", path)
        body = answer.json()
        return answer.status_code, body["state"] if answer.is_success else body["detail"]

    async def turn(self) -> None:
        """One whole turn of the worker."""
        await self.worker.turn()
        await self.worker.idle()

    async def until(self, look: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
        """Turn the worker until this is so."""
        deadline = time.monotonic() + seconds
        while not await look():
            assert time.monotonic() < deadline, "it did not come about"
            await self.turn()
            await asyncio.sleep(0.05)

    async def row(self, instance_id: str) -> Instance:
        """An instance as the database has it."""
        async with self.control.db.read() as session:
            return await session.get_one(Instance, instance_id)

    async def rows(self, instance_id: str) -> list[Mount]:
        """Its mounts that have not ended."""
        query = select(Mount).where(Mount.instance_id == instance_id, Mount.ended_at.is_(None))
        async with self.control.db.read() as session:
            return list(await session.scalars(query.order_by(Mount.created_at, Mount.id)))

    def replace(self) -> None:
        """Control is killed and started anew: nothing that it had in memory is left."""
        for task in self.worker._busy.values():
            task.cancel()
        self.worker = MountWorker(self.control)
        self.control.source_ends.clear()


def token_of(name: str, who: str = OWNER) -> dict[str, str]:
    """The credentials of an instance."""
    return instance_token(who, name)


SPECS = [{"name": "one", "cpu": 1, "memory": "1GiB"}]
GROUPS = [{"name": "local", "cpu": 1000, "memory": "1TiB", "cpu_overcommit": 1}]
GIB = 1024**3


class WithNode(ProcessEngine):
    """Instances that nothing runs, on a node that remembers their mounts."""

    isolated = True

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        self.mounts = self.node = FakeNode()


async def world_on_fake_node(make_api: Any, folder: Path) -> MountWorld:
    """A world whose node remembers mounts, with a class of folders and one of an object store."""
    os.mkdir(folder)
    classes = [
        {"name": "data", "kind": "host", "root": str(folder), "writable": True},
        {
            "name": "store",
            "kind": "s3",
            "endpoint": "http://127.0.0.1:9",
            "bucket": "pictures",
            "access_key_id": "key",
            "writable": True,
        },
    ]
    sizes = {"cache_size": 12 * GIB, "cache_per_dataset": 5 * GIB}
    api = await make_api(
        specs=SPECS, resource_groups=GROUPS, storage_classes=classes, datasets=sizes
    )
    secret = api.control.settings.data / "secrets" / "storage-store"
    secret.write_text("the secret of the store")
    secret.chmod(0o600)
    world = MountWorld(api, folder)
    await world.fill()
    api.control.engine = WithNode(api.control.settings)
    return world


def node_of(world: MountWorld) -> FakeNode:
    """The node of such a world."""
    node: FakeNode = world.control.engine.node  # type: ignore[attr-defined]
    return node
