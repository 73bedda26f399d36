"""Whatever is mounted, stopped, broken or killed in whichever order: the rows and the node agree in
the end, and nothing of what does not run stays mounted."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, update
from tests.dsw_control.fake_nodes import FakeNode, Killed
from tests.dsw_control.mount_worlds import OWNER, MountWorld, world_on_fake_node

from dsw.errors import DswError
from dsw.instances import AT_REST, InstanceState
from dsw.mounts import Holder, MountReason
from dsw.node_mounts import Area, Attach
from dsw_control.data.mount_rows import place_of
from dsw_control.data.mount_worker import MountWorker
from dsw_control.store.tables import Allocation, DataSource, Instance, Mount

DATASETS = ("pets", "birds", "cats", "dogs")
"""Two folders and two of an object store."""
SETTLED = {"Mounted", "Unmounted", "Failed"}
NUMBERS = count()
EXAMPLES = 300 if os.environ.get("DSW_TEST_FULL") else 20

OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *("start", "start", "stop", "fail", "delete", "mount", "mount", "mount"),
                *("keep", "unmount", "force", "turn", "turn", "lose", "restart", "hold"),
                *("break", "mend", "down", "gone on the node", "gone on the node", "stray"),
                "stopped meanwhile",
            ]
        ),
        st.integers(0, 1),
        st.sampled_from(DATASETS),
        st.one_of(st.none(), st.none(), st.integers(0, 5)),
    ),
    max_size=20,
)


class Clock:
    """Goes on by a minute whenever somebody looks, so that nothing has to wait for its next try."""

    def __init__(self) -> None:
        self._now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self._now += timedelta(minutes=1)
        return self._now


@pytest.fixture
async def world(make_api: Any, tmp_path: Path) -> MountWorld:
    """With the datasets of all plays."""
    world = await world_on_fake_node(make_api, tmp_path / "data")
    for name in DATASETS:
        more = {} if name in ("pets", "birds") else {"uri": f"s3://pictures/{name}"}
        await world.dataset(name, **more)
    return world


@given(OPERATIONS)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_rows_and_node_agree_after_any_sequence(
    world: MountWorld, operations: list[tuple[str, int, str, int | None]]
) -> None:
    play = await Play.begin(world)
    await play.fill()
    for what, number, dataset, dies_in in operations:
        play.node.kill_in = dies_in
        try:
            await play.act(what, play.instances[number], dataset)
        except Killed:
            play.world.replace()
        except DswError:
            # Refused, as it may be: what matters is what is left.
            pass
    await play.settle()
    await play.check()


class Play:
    """Two instances, four datasets, and what befalls them."""

    def __init__(self, world: MountWorld, instances: list[str]) -> None:
        self.world = world
        self.node = FakeNode()
        self.node.quick = True
        world.control.engine.mounts = self.node
        world.control.clock = Clock()
        world.worker = MountWorker(world.control)
        self.instances = instances

    @classmethod
    async def begin(cls, world: MountWorld) -> Play:
        """Nothing is left of an earlier play; the first instance has datasets from its start on."""
        async with world.control.db.write() as session:
            for table in (Mount, DataSource, Allocation):
                await session.execute(delete(table))
            await session.execute(update(Instance).values(deleted_at=datetime.now(UTC)))
        static = [{"dataset": "pets"}, {"dataset": "cats", "path": "/data/cats"}]
        names = (f"i{next(NUMBERS)}", f"i{next(NUMBERS)}")
        first = await world.instance(names[0], datasets=static)
        return cls(world, [first, await world.instance(names[1])])

    async def fill(self) -> None:
        """Both run; the first has what it starts with, and one more of each kind."""
        for instance_id in self.instances:
            await self.world.started(instance_id)
        for dataset in ("birds", "dogs"):
            await self.act("mount", self.instances[0], dataset)
        await self.world.turn()
        # The store's mount is ready at the second look.
        await self.world.turn()
        assert len(self.node.mounted) == 4

    async def act(self, what: str, instance_id: str, dataset: str) -> None:
        """Do one thing; what is not possible now does nothing."""
        world = self.world
        row = await world.row(instance_id)
        if what == "start" and row.state in AT_REST and row.deleted_at is None:
            await world.started(instance_id)
        elif what in ("stop", "fail", "delete"):
            state = InstanceState.FAILED if what == "fail" else InstanceState.STOPPED
            await world.rests(instance_id, state, deleted=what == "delete")
        elif what in ("mount", "keep"):
            body = {"dataset": dataset, "keep": what == "keep"}
            await world.api.send(OWNER, "POST", f"/instances/{instance_id}/mounts", body)
        elif what in ("unmount", "force"):
            for mount in await world.rows(instance_id):
                if mount.kind == "dynamic" and mount.name == dataset:
                    path = f"/instances/{instance_id}/mounts/{mount.id}"
                    await world.api.send(OWNER, "DELETE", f"{path}?force={what == 'force'}")
        elif what == "turn":
            await world.turn()
        else:
            self._befall(what, instance_id, dataset)

    def _befall(self, what: str, instance_id: str, dataset: str) -> None:
        node = self.node
        place = (instance_id, Area.DYNAMIC, dataset)
        here = [key for key in node.mounted if key[0] == instance_id]
        match what:
            case "lose":
                for key in list(node.source_mounts):
                    node.lose_source(key)
            case "restart":
                node.restart()
            case "hold":
                node.holders |= {key: [Holder(pid=1, command="sh")] for key in here}
            case "gone on the node" if here:
                del node.mounted[here[0]], node.devices[here[0]]
            case "stray":
                node.devices[place] = "9:9"
                node.mounted[place] = Attach(
                    instance_id=instance_id, area=Area.DYNAMIC, name=dataset, read_only=True
                )
            case "stopped meanwhile":
                node.meanwhile = partial(self.world.rests, instance_id)
            case "break":
                node.failing[dataset] = MountReason.SOURCE_UNREACHABLE
            case "mend":
                node.failing.clear()
                node.down = False
            case "down":
                node.down = True

    async def settle(self) -> None:
        """All works again, and control is given time."""
        self.node.kill_in, self.node.down = None, False
        self.node.failing.clear()
        self.node.holders.clear()
        self.node.meanwhile = None
        self.world.replace()
        for _ in range(12):
            for key, status in self.node.reports.items():
                if status.exit_code is None and key not in self.node.source_mounts:
                    self.node.ready(key)
            self.world.control.source_ends.clear()
            await self._rest_those_that_failed()
            with suppress(DswError):
                await self.world.turn()
        await self.world.worker.sweep()
        await self.world.worker.idle()

    async def _rest_those_that_failed(self) -> None:
        """What the reconciler does about a start that failed or was killed."""
        for instance_id in self.instances:
            row = await self.world.row(instance_id)
            if row.deleted_at is None and row.state not in (*AT_REST, InstanceState.RUNNING):
                await self.world.rests(instance_id, InstanceState.FAILED)

    async def check(self) -> None:
        """The rows and the node agree."""
        async with self.world.control.db.read() as session:
            mounts = list(await session.scalars(select(Mount).where(Mount.ended_at.is_(None))))
            instances = {row.id: row for row in await session.scalars(select(Instance))}
            running = set(await session.scalars(select(DataSource.key).where(DataSource.running)))
        mounted = {
            (row.instance_id, *place_of(row)): row for row in mounts if row.state == "Mounted"
        }
        assert {row.state for row in mounts} <= SETTLED, [(row.name, row.state) for row in mounts]
        assert mounted.keys() == self.node.mounted.keys()
        for key, row in mounted.items():
            assert instances[row.instance_id].state == InstanceState.RUNNING
            if row.source:
                assert self.node.devices[key] == self.node.source_mounts[row.source]
        used = {row.source for row in mounted.values()} - {""}
        assert set(self.node.helpers) == used == running
        gone = {key for key, row in instances.items() if row.deleted_at is not None}
        assert not gone & self.node.folders
