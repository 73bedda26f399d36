"""An instance is saved because it stops: when, for whom, and how many such images are kept."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from tests.dsw_control.apis import ADMIN
from tests.dsw_control.conftest import MakeApi
from tests.dsw_control.saving import MATE, OWNER, SPECS, Desk

from dsw.instances import InstanceState
from dsw.lifecycle import ContainerView
from dsw.snapshots import SnapshotState
from dsw_control.reconcile import Reconciler
from dsw_control.snapshot_worker import SnapshotWorker
from dsw_control.store.tables import Instance, StorageUse


class Bench(Desk):
    """A desk with the reconciler of instances; its clock runs ahead as a test says."""

    ahead = timedelta()

    def __init__(self, api: Any) -> None:
        super().__init__(api)
        clock = self.control.clock
        self.control.clock = lambda: clock() + self.ahead
        self.reconciler = Reconciler(self.control)

    async def instance(self, name: str = "train", who: str = OWNER, **more: Any) -> str:
        """One that the hub runs, too."""
        item = await super().instance(name, who, **more)
        self.api.hub.servers[who][name] = {"name": name, "ready": True, "pending": None}
        return item

    async def reach(self, item: str, *states: InstanceState) -> None:
        """Let control work until the instance is in one of these states."""

        async def look() -> bool:
            await self.reconciler.turn()
            row = await self.instance_row(item)
            if row.state == InstanceState.STOPPING and not self.api.hub.servers[row.owner]:
                self.engine.boxes[item] = ContainerView.EXITED
            return row.state in states

        await self.until(look)

    async def stop(self, item: str, who: str = OWNER, **body: Any) -> None:
        """Stop it, and wait until it is at rest."""
        await self.api.ok(who, "POST", f"/instances/{item}/stop", body or None)
        await self.reach(item, InstanceState.STOPPED)

    async def start(self, item: str) -> None:
        """Start it, and wait until it runs."""
        await self.api.ok(OWNER, "POST", f"/instances/{item}/start")
        await self.reach(item, InstanceState.RUNNING)
        self.engine.boxes[item] = ContainerView.RUNNING

    async def snapshots(self, item: str) -> list[Any]:
        """The instance's, the newest first."""
        listed = await self.api.ok(ADMIN, "GET", f"/snapshots?instance={item}")
        return list(listed["items"])

    async def finish(self, item: str) -> Any:
        """Let the automatic snapshot that is under way end well."""
        snapshot = (await self.snapshots(item))[0]["id"]
        await self.until(lambda: self._has_helper(snapshot))
        self.engine.make(snapshot)
        return await self.ended(snapshot)


@pytest.fixture
async def bench(make_api: MakeApi) -> Bench:
    bench = Bench(await make_api(specs=SPECS))
    await bench.fill()
    return bench


async def test_an_instance_that_says_so_is_saved_at_each_stop(bench: Bench) -> None:
    item = await bench.instance("train", save_on_stop=True)
    await bench.stop(item)
    (snapshot,) = await bench.snapshots(item)
    assert snapshot["automatic"] is True
    assert re.fullmatch(r"train \d{4}-\d\d-\d\d \d\d:\d\d", snapshot["name"])
    done = await bench.finish(item)
    assert (done["state"], done["owner"]) == ("Saved", OWNER)
    assert bench.engine.requests[done["id"]].freezer == "", "it does not run"
    image = await bench.api.ok(OWNER, "GET", f"/images/{done['image_id']}")
    assert image["visibility"] == "private"
    assert (await bench.instance_row(item)).state == "Stopped"
    await bench.start(item)
    await bench.stop(item)
    assert len(await bench.snapshots(item)) == 2


@pytest.mark.parametrize(
    ("says", "asked", "saved"),
    [(False, None, 0), (False, True, 1), (True, False, 0), (True, None, 1)],
)
async def test_a_stop_may_say_otherwise_for_once(
    bench: Bench, says: bool, asked: bool | None, saved: int
) -> None:
    item = await bench.instance(save_on_stop=says)
    await bench.stop(item, save=asked)
    assert len(await bench.snapshots(item)) == saved
    if saved:
        await bench.finish(item)
    await bench.start(item)
    await bench.stop(item)
    assert len(await bench.snapshots(item)) == saved + says


async def test_whether_stops_save_it_may_change_while_it_runs(bench: Bench) -> None:
    item = await bench.instance()
    changed = await bench.api.ok(OWNER, "PATCH", f"/instances/{item}", {"save_on_stop": True})
    assert (changed["save_on_stop"], changed["state"]) == (True, "Running")
    await bench.stop(item)
    assert len(await bench.snapshots(item)) == 1


async def test_a_start_waits_until_the_instance_was_saved(bench: Bench) -> None:
    item = await bench.instance(save_on_stop=True)
    await bench.stop(item)
    begun = len(bench.api.hub.asked)
    shown = await bench.api.ok(OWNER, "POST", f"/instances/{item}/start")
    assert shown["message"] == "It starts when it has been saved as an image."
    for _ in range(3):
        bench.ahead += timedelta(seconds=10)
        await bench.reconciler.turn()
        await bench.worker.turn()
    assert bench.api.hub.asked[begun:] == []
    await bench.finish(item)
    await bench.reach(item, InstanceState.RUNNING)
    assert bench.api.hub.asked[begun:] == [("start", f"{OWNER}/train")]


async def test_who_does_not_want_to_wait_cancels_the_saving(bench: Bench) -> None:
    item = await bench.instance(save_on_stop=True)
    await bench.stop(item)
    await bench.api.ok(OWNER, "POST", f"/instances/{item}/start")
    (snapshot,) = await bench.snapshots(item)
    await bench.api.ok(OWNER, "POST", f"/snapshots/{snapshot['id']}/cancel")
    assert (await bench.ended(snapshot["id"]))["state"] == "Cancelled"
    await bench.reach(item, InstanceState.RUNNING)


async def test_the_automatic_snapshot_comes_after_the_one_that_the_stop_cancelled(
    bench: Bench,
) -> None:
    item = await bench.instance(save_on_stop=True)
    first = await bench.begun(item)
    bench.engine.say(first)
    stubborn = bench.engine.cancel_agent

    async def goes_on(_snapshot: str) -> None:
        """It has not seen the signal yet."""

    bench.engine.cancel_agent = goes_on  # type: ignore[method-assign]
    await bench.stop(item)
    automatic = (await bench.snapshots(item))[0]["id"]
    await bench.worker.turn()
    assert bench.engine.began == [first]
    bench.engine.cancel_agent = stubborn  # type: ignore[method-assign]
    assert (await bench.ended(first))["state"] == "Cancelled"
    await bench.until(lambda: bench._has_helper(automatic))
    bench.engine.make(automatic)
    assert (await bench.ended(automatic))["state"] == "Saved"


async def test_control_that_is_killed_at_the_stop_saves_once(bench: Bench) -> None:
    item = await bench.instance(save_on_stop=True)
    await bench.api.ok(OWNER, "POST", f"/instances/{item}/stop")
    for _ in range(20):
        bench.reconciler, bench.worker = Reconciler(bench.control), SnapshotWorker(bench.control)
        await bench.reconciler.turn()
        await bench.worker.turn()
        if not bench.api.hub.servers[OWNER]:
            bench.engine.boxes[item] = ContainerView.EXITED
    await bench.reach(item, InstanceState.STOPPED)
    await bench.finish(item)
    assert len(await bench.snapshots(item)) == 1
    assert len(await bench.images()) == 1


async def test_what_never_ran_since_its_last_stop_is_not_saved_again(bench: Bench) -> None:
    item = await bench.instance(save_on_stop=True)
    await bench.stop(item)
    await bench.finish(item)
    await bench.api.ok(OWNER, "POST", f"/instances/{item}/start")
    await bench.stop(item)
    assert len(await bench.snapshots(item)) == 1
    never = await bench.api.ok(
        OWNER,
        "POST",
        "/instances",
        {
            "workspace": "team",
            "display_name": "never",
            "image": bench.image,
            "spec": "one",
            "save_on_stop": True,
        },
    )
    await bench.stop(never["id"])
    assert await bench.snapshots(never["id"]) == []


async def test_what_was_shut_down_from_inside_is_saved_and_what_failed_is_not(
    bench: Bench,
) -> None:
    for code, state, count in ((0, InstanceState.STOPPED, 1), (1, InstanceState.FAILED, 0)):
        item = await bench.instance(f"ends-{code}", save_on_stop=True)
        bench.api.hub.servers[OWNER].clear()
        bench.engine.boxes[item] = ContainerView.EXITED
        bench.engine.code = code
        bench.ahead += timedelta(seconds=10)
        await bench.reach(item, state)
        assert len(await bench.snapshots(item)) == count


async def test_a_stop_works_where_nothing_can_be_saved_and_says_why(bench: Bench) -> None:
    item = await bench.instance(save_on_stop=True)
    quota = {"limits": {}, "per_member": {}, "storage": "1MiB"}
    await bench.api.ok(ADMIN, "PUT", "/workspaces/team/quotas/local", quota)
    row = await bench.instance_row(item)
    async with bench.control.db.write() as session:
        session.add(
            StorageUse(
                workspace_id=row.workspace_id,
                owner="",
                size=2**21,
                measured_at=bench.control.clock(),
            )
        )
    refused = await bench.api.send(OWNER, "POST", f"/instances/{item}/stop", {"save": True})
    assert refused.status_code == 409, "asked for by name it is refused before anything stops"
    await bench.stop(item)
    shown = await bench.api.ok(OWNER, "GET", f"/instances/{item}")
    assert shown["message"].startswith("It was not saved: The workspace keeps")
    assert await bench.snapshots(item) == []


async def test_a_member_who_left_is_not_saved_for(bench: Bench) -> None:
    item = await bench.instance("mates", MATE, save_on_stop=True)
    await bench.api.ok(OWNER, "DELETE", f"/workspaces/team/members/{MATE}")
    await bench.reach(item, InstanceState.STOPPED)
    assert await bench.snapshots(item) == []
    assert "It was not saved" in (await bench.instance_row(item)).message


async def test_what_rests_is_not_saved_by_a_stop(bench: Bench) -> None:
    item = await bench.instance()
    await bench.stop(item)
    answer = await bench.api.send(OWNER, "POST", f"/instances/{item}/stop", {"save": True})
    assert answer.status_code == 409
    assert "can be saved as it is" in answer.json()["detail"]


async def test_older_automatic_images_that_nobody_needs_are_discarded(bench: Bench) -> None:
    policy = {"snapshots": {"keep_last": 2}}
    await bench.api.ok(OWNER, "PATCH", "/workspaces/team", {"policy": policy})
    item = await bench.instance(save_on_stop=True)
    by_hand = (await bench.saved(item))["image_id"]
    made = []
    for number in range(6):
        bench.ahead += timedelta(minutes=1)
        await bench.stop(item)
        made.append((await bench.finish(item))["image_id"])
        change: Callable[[], Awaitable[Any]] | None = {
            0: lambda: bench.api.ok(OWNER, "PATCH", f"/images/{made[0]}", {"tag": "kept"}),
            1: lambda: bench.api.ok(
                OWNER, "PATCH", f"/images/{made[1]}", {"visibility": "workspace"}
            ),
            2: lambda: bench.instance("uses-it", image=made[2]),
        }.get(number)
        if change is not None:
            await change()
        await bench.start(item)
    left = [image.id for image in await bench.images()]
    assert left == [by_hand, made[0], made[1], made[2], made[4], made[5]]
    audit = await bench.api.ok(OWNER, "GET", f"/audit?workspace=team&object={made[3]}")
    assert audit["items"][0]["actor"] == "control"
    assert audit["items"][0]["detail"]["keep_last"] == 2


async def test_all_automatic_images_are_kept_where_the_policy_says_so(bench: Bench) -> None:
    policy = {"snapshots": {"keep_last": 0}}
    await bench.api.ok(OWNER, "PATCH", "/workspaces/team", {"policy": policy})
    item = await bench.instance(save_on_stop=True)
    for _ in range(3):
        await bench.stop(item)
        await bench.finish(item)
        await bench.start(item)
    assert len(await bench.images()) == 3


async def test_a_deletion_waits_a_moment_for_the_saving_that_it_cancels(bench: Bench) -> None:
    item = await bench.instance()
    snapshot = await bench.begun(item)
    bench.engine.say(snapshot)
    await bench.api.ok(OWNER, "DELETE", f"/instances/{item}")
    await bench.reconciler.turn()
    assert item in bench.engine.boxes
    assert (await bench.ended(snapshot))["state"] == "Cancelled"

    async def gone() -> bool:
        await bench.reconciler.turn()
        async with bench.control.db.read() as session:
            return (await session.get_one(Instance, item)).deleted_at is not None

    await bench.until(gone)
    assert (await bench.row(snapshot)).state == SnapshotState.CANCELLED
    await bench.worker.sweep()
    assert not bench.work(item).exists()
