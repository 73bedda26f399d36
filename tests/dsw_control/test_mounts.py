"""Mounts as people and instances ask for them: what they get, and what is kept from them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.dsw_control.mount_worlds import (
    GIB,
    MATE,
    OWNER,
    STRANGER,
    MountWorld,
    node_of,
    token_of,
    world_on_fake_node,
)

from dsw.errors import Conflict
from dsw.instances import InstanceState, Reason
from dsw.mounts import Holder, MountReason
from dsw.node_mounts import Area, WarmReport
from dsw.plan import DATA, DYNAMIC
from dsw_control.engines.base import WarmStatus
from dsw_control.restores import record_of


@pytest.fixture
async def world(make_api: Any, tmp_path: Path) -> AsyncIterator[MountWorld]:
    world = await world_on_fake_node(make_api, tmp_path / "data")
    yield world
    await world.worker.idle()


async def test_a_dataset_comes_into_a_running_instance_and_goes(world: MountWorld) -> None:
    dataset = await world.dataset("pets")
    instance_id = await world.running()
    view = await world.mount(instance_id, "pets")
    assert (view["state"], view["target"], view["dataset_name"], view["version"]) == (
        "Mounting",
        "/mnt/dynamic/pets",
        "pets",
        1,
    )
    await world.becomes(view, "Mounted")
    seen = node_of(world).of(instance_id)[Area.DYNAMIC, "pets"]
    assert (seen.read_only, seen.path) == (True, "pets")
    assert await world.mount(instance_id, dataset) == await world.look(view), "the same again"
    assert await world.unmount(view) == (202, "Unmounted")
    assert node_of(world).mounted == {}
    assert (await world.api.ok(OWNER, "GET", f"/instances/{instance_id}/mounts"))["items"] == []
    events = await world.api.ok(OWNER, "GET", f"/instances/{instance_id}/events")
    told = [each["state"] for each in events["items"] if each["kind"] == "mount"]
    assert told == ["Mounting", "Mounted", "Unmounting", "Unmounted"]


async def test_an_instance_mounts_in_itself_and_in_no_other(world: MountWorld) -> None:
    await world.dataset("pets")
    mine, other = await world.running("mine"), await world.running("other")
    theirs = await world.running("mates", MATE)
    view = await world.mount(mine, "pets", token_of("mine"))
    await world.becomes(view, "Mounted")
    for instance_id, who in (
        (other, token_of("mine")),
        (theirs, token_of("mine")),
        (theirs, OWNER),
    ):
        path = f"/instances/{instance_id}/mounts"
        answer = await world.api.send(who, "POST", path, {"dataset": "pets"})
        # An owner of the workspace knows of the instance, and still does not mount in it.
        assert answer.status_code == (403 if who == OWNER else 404), answer.text
    assert (await world.unmount(view, who=token_of("other")))[0] == 404
    assert (await world.unmount(view, who=MATE))[0] == 404
    assert (await world.unmount(view | {"instance_id": other}))[0] == 404
    assert await world.unmount(view, who=token_of("mine")) == (202, "Unmounted")
    assert node_of(world).mounted == {}


async def test_writing_needs_the_dataset_the_place_and_the_role(world: MountWorld) -> None:
    await world.dataset("readable")
    await world.dataset("writable", access="rw", write_roles=["owner"])
    mine, mates = await world.running("mine"), await world.running("mates", MATE)
    for who, instance_id, name in ((OWNER, mine, "readable"), (MATE, mates, "writable")):
        answer = await world.api.send(
            who, "POST", f"/instances/{instance_id}/mounts", {"dataset": name, "access": "rw"}
        )
        assert answer.status_code == 409, answer.text
        assert "may not write" in answer.json()["detail"]
    await world.mounted(mine, "writable", access="rw")
    assert not node_of(world).of(mine)[Area.DYNAMIC, "writable"].read_only
    body = {"dataset": "writable", "access": "rw"}
    answer = await world.api.send(MATE, "PATCH", f"/instances/{mates}", {"datasets": [body]})
    assert answer.status_code == 409, "it runs"


OVER = [
    *("/usr", "/etc/data", "/proc", "/", "/mnt/workspace", "/mnt/workspace/x", "/mnt"),
    *("/mnt/shared/x", "/mnt/dynamic/x", "/mnt/data", "/mnt/data/a/b", "data", "/data/../etc"),
    *("/data/x:/etc", "/data/%2e%2e", "/mnt/data/A B", "/data/\u0000", "/data//x", "/var/run"),
]


async def test_no_dataset_comes_over_what_is_not_its_place(world: MountWorld) -> None:
    await world.dataset("pets")
    body = {"workspace": "team", "name": "x", "image": world.image, "spec": "one", "start": False}
    ask = {"dataset": "pets"}
    for path in OVER:
        for datasets in ([ask | {"path": path}], [ask, ask | {"path": path}]):
            sent = {**body, "datasets": datasets}
            answer = await world.api.send(OWNER, "POST", "/instances", sent)
            assert answer.status_code == 422, (path, answer.text)
    for other in ("/data", "/data/x/y"):
        sent = {**body, "datasets": [ask | {"path": "/data/x"}, ask | {"path": other}]}
        assert (await world.api.send(OWNER, "POST", "/instances", sent)).status_code == 422
    assert (await world.api.ok(OWNER, "GET", "/instances"))["items"] == []


async def test_a_name_that_is_no_name_is_refused(world: MountWorld) -> None:
    await world.dataset("pets")
    instance_id = await world.running()
    path = f"/instances/{instance_id}/mounts"
    for name in ("../x", "a/b", "..", "", "A", "x" * 63, "%2e%2e", "a\x00"):
        answer = await world.api.send(OWNER, "POST", path, {"dataset": "pets", "name": name})
        assert answer.status_code == 422, answer.text


async def test_datasets_of_others_are_as_if_they_were_not_there(world: MountWorld) -> None:
    theirs = await world.dataset("theirs", STRANGER, workspace="other")
    instance_id = await world.running()
    path = f"/instances/{instance_id}/mounts"
    for name in (theirs, "theirs", "nothing"):
        answer = await world.api.send(OWNER, "POST", path, {"dataset": name})
        assert answer.status_code == 404, answer.text
    two = [{"dataset": "pets"}, {"dataset": "pets", "path": "/mnt/data/pets"}]
    await world.dataset("pets")
    body = {"workspace": "team", "name": "x", "image": world.image, "spec": "one"}
    answer = await world.api.send(OWNER, "POST", "/instances", {**body, "datasets": two})
    assert answer.status_code == 422, "one over the other"


async def test_what_processes_hold_stays_until_it_is_forced(world: MountWorld) -> None:
    await world.dataset("pets")
    instance_id = await world.running()
    view = await world.mounted(instance_id, "pets")
    held = (instance_id, Area.DYNAMIC, "pets")
    node_of(world).holders[held] = [Holder(pid=7, command="python train.py")]
    assert await world.unmount(view) == (409, "In use.")
    now = await world.look(view)
    assert (now["state"], now["reason"], now["holders"]) == (
        "Mounted",
        "Busy",
        [{"pid": 7, "command": "python train.py"}],
    )
    assert await world.unmount(view, force=True) == (202, "Unmounted")


async def test_a_start_brings_its_datasets_and_those_that_are_kept(world: MountWorld) -> None:
    for name in ("pets", "birds", "toys", "gone"):
        await world.dataset(name)
    datasets = [{"dataset": "pets"}, {"dataset": "birds", "path": "/data/birds"}]
    instance_id = await world.instance(datasets=datasets)
    assert node_of(world).mounted == {}
    plan = await world.started(instance_id)
    targets = {each.target: each for each in plan.mounts if each.follows}
    assert set(targets) == {DATA, DYNAMIC, "/data/birds"}
    assert not any(each.read_only for each in targets.values())
    assert {area for area, _ in node_of(world).of(instance_id)} == {Area.DATA, Area.PATHS}
    await world.mounted(instance_id, "toys", keep=True)
    await world.mounted(instance_id, "gone")
    await world.rests(instance_id)
    await world.turn()
    assert node_of(world).mounted == {}
    rows = {row.name: row.state for row in await world.rows(instance_id)}
    assert rows == {"pets": "Unmounted", "birds": "Unmounted", "toys": "Unmounted"}
    plan = await world.started(instance_id)
    assert targets["/data/birds"] in plan.mounts, "the same container fits"
    assert len(node_of(world).of(instance_id)) == 3


async def test_a_start_takes_the_newest_version_unless_one_was_chosen(world: MountWorld) -> None:
    dataset = await world.dataset("pets")
    datasets = [{"dataset": "pets"}, {"dataset": "pets", "version": 1, "path": "/mnt/data/old"}]
    instance_id = await world.running(datasets=datasets)
    (world.folder / "newer").mkdir()
    body = {"uri": f"file://{world.folder}/newer"}
    await world.api.ok(OWNER, "POST", f"/datasets/{dataset}/versions", body)
    await world.rests(instance_id)
    await world.started(instance_id)
    seen = {name: step.path for (_, name), step in node_of(world).of(instance_id).items()}
    assert seen == {"pets": "newer", "old": "pets"}


async def test_a_start_without_datasets_asks_the_node_nothing(world: MountWorld) -> None:
    node = node_of(world)
    plan = await world.started(await world.instance())
    await world.turn()
    assert {each.target for each in plan.mounts if each.follows} == {DATA, DYNAMIC}
    assert (node.requests, node.looks) == ([], 0)


async def test_an_unreachable_dataset_fails_the_start_and_is_named(world: MountWorld) -> None:
    await world.dataset("pets")
    await world.dataset("lost", uri=f"file://{world.folder}/lost")
    instance_id = await world.instance(datasets=[{"dataset": "pets"}, {"dataset": "lost"}])
    with pytest.raises(Conflict, match="The dataset 'lost': It cannot be reached"):
        await world.plan(instance_id)
    row = await world.row(instance_id)
    assert row.failure == Reason.DATASET_UNREACHABLE
    assert "'lost'" in row.message
    await world.rests(instance_id, InstanceState.FAILED)
    await world.turn()
    assert node_of(world).mounted == {}


async def test_a_start_right_after_one_that_failed_asks_the_store_anew(world: MountWorld) -> None:
    node = node_of(world)
    dataset = await world.dataset("cats", uri="s3://pictures/cats")
    instance_id = await world.instance(datasets=[{"dataset": "cats"}])
    key, node.quick = f"{dataset}-1-ro", True
    node.failing[key] = MountReason.SOURCE_UNREACHABLE
    with pytest.raises(Conflict, match="The dataset 'cats': The store does not answer"):
        await world.plan(instance_id)
    await world.rests(instance_id, InstanceState.FAILED)
    del node.failing[key]
    await world.plan(instance_id)
    assert node.mounted.keys() == {(instance_id, Area.DATA, "cats")}


async def test_by_the_policy_it_starts_all_the_same_and_the_dataset_comes_later(
    world: MountWorld,
) -> None:
    policy = {"policy": {"data": {"unreachable": "degraded"}}}
    await world.api.ok(OWNER, "PATCH", "/workspaces/team", policy)
    await world.dataset("lost", uri=f"file://{world.folder}/lost")
    instance_id = await world.running(datasets=[{"dataset": "lost"}])
    [row] = await world.rows(instance_id)
    assert (row.state, row.reason) == ("Degraded", MountReason.SOURCE_GONE)
    (world.folder / "lost").mkdir()

    async def comes() -> bool:
        return (await world.rows(instance_id))[0].state == "Mounted"

    await world.until(comes)


async def test_rights_that_were_lost_end_at_the_next_start(world: MountWorld) -> None:
    dataset = await world.dataset("pets", access="rw")
    instance_id = await world.running(datasets=[{"dataset": "pets", "access": "rw"}])
    await world.rests(instance_id)
    await world.api.ok(OWNER, "PATCH", f"/datasets/{dataset}", {"access": "ro"})
    with pytest.raises(Conflict, match="may not write"):
        await world.plan(instance_id)


async def test_a_container_from_before_says_that_it_needs_a_new_one(world: MountWorld) -> None:
    await world.dataset("pets")
    instance_id = await world.running()
    node_of(world).aged.add(instance_id)
    view = await world.mount(instance_id, "pets")
    failed = await world.becomes(view, "Failed")
    assert failed["reason"] == "NeedsNewContainer"
    await world.rests(instance_id)
    body = {"datasets": [{"dataset": "pets"}]}
    answer = await world.api.send(OWNER, "PATCH", f"/instances/{instance_id}", body)
    assert answer.status_code == 409
    await world.api.ok(
        OWNER, "PATCH", f"/instances/{instance_id}", body | {"discard_changes": True}
    )


async def test_datasets_are_changed_while_it_rests(world: MountWorld) -> None:
    await world.dataset("pets")
    await world.dataset("birds")
    instance_id = await world.running(datasets=[{"dataset": "pets"}])
    await world.rests(instance_id)
    await world.turn()
    body = {"datasets": [{"dataset": "birds"}]}
    await world.api.ok(OWNER, "PATCH", f"/instances/{instance_id}", body)
    await world.started(instance_id)
    assert set(node_of(world).of(instance_id)) == {(Area.DATA, "birds")}
    await world.rests(instance_id)
    with_path = {"datasets": [{"dataset": "birds", "path": "/data/birds"}]}
    answer = await world.api.send(OWNER, "PATCH", f"/instances/{instance_id}", with_path)
    assert answer.status_code == 409, "its container has no such place"


async def test_one_source_serves_two_instances_and_ends_with_the_last(world: MountWorld) -> None:
    node = node_of(world)
    dataset = await world.dataset("cats", uri="s3://pictures/cats")
    first, second = await world.running("one"), await world.running("two")
    views = [await world.mount(each, "cats") for each in (first, second)]
    await world.turn()
    key = f"{dataset}-1-ro"
    request = node.helpers[key]
    assert request.store is not None
    assert request.store.secret == "the secret of the store"
    assert request.cache_bytes == 5 * GIB
    node.ready(key)
    for view in views:
        await world.becomes(view, "Mounted")
    assert list(node.helpers) == [key]
    node.lose_source(key)
    lost = await world.becomes(views[0], "Degraded")
    assert lost["message"] == "The store does not answer."
    node.ready(key)
    for view, instance_id in zip(views, (first, second), strict=True):
        await world.becomes(view, "Mounted")
        place = (instance_id, Area.DYNAMIC, "cats")
        assert node.devices[place] == node.source_mounts[key], "of the new mount"
    await world.unmount(views[0])
    await world.turn()
    assert list(node.helpers) == [key]
    await world.rests(second, deleted=True)
    await world.turn()
    await world.turn()
    assert node.helpers == {}
    assert node.kept == {key}, "its cache stays"


async def test_the_room_for_caches_is_shared_and_the_oldest_goes_first(world: MountWorld) -> None:
    node = node_of(world)
    keys = {
        name: f"{await world.dataset(name, uri=f's3://pictures/{name}')}-1-ro"
        for name in ("cats", "dogs", "cows", "bats", "pigs")
    }
    instance_id = await world.running()
    granted = {}
    views = {}
    for name in ("cats", "dogs", "cows", "bats"):
        views[name] = await world.mount(instance_id, name)
        await world.turn()
        granted[name] = node.helpers[keys[name]].cache_bytes
        node.ready(keys[name])
        await world.becomes(views[name], "Mounted")
    assert list(granted.values()) == [5 * GIB, 5 * GIB, 2 * GIB, 0], "the rest, then nothing"
    for name in ("dogs", "cats"):
        await world.unmount(views[name])
        await world.turn()
    await world.mount(instance_id, "pigs")
    await world.turn()
    assert node.helpers[keys["pigs"]].cache_bytes == 5 * GIB
    assert keys["cats"] in node.kept
    assert keys["dogs"] not in node.kept, "unused for longest"


async def test_acts_on_mounts_are_in_the_audit_log(world: MountWorld) -> None:
    await world.dataset("pets")
    instance_id = await world.running("mine")
    view = await world.mount(instance_id, "pets", token_of("mine"))
    await world.becomes(view, "Mounted")
    await world.unmount(view, force=True)
    page = await world.api.ok(OWNER, "GET", f"/audit?workspace=team&object={view['id']}")
    lines = [(each["actor"], each["detail"]["did"]) for each in page["items"]]
    assert set(lines) == {(instance_id, "mount"), (OWNER, "unmount")}


async def test_a_cache_is_filled_with_progress_and_shown(world: MountWorld) -> None:
    node = node_of(world)
    node.quick = True
    dataset = await world.dataset("cats", uri="s3://pictures/cats")
    path = f"/datasets/{dataset}/warmings"
    view = await world.api.ok(MATE, "POST", path, {"path": "train"})
    assert view["state"] == "Waiting"
    await world.turn()
    await world.turn()
    assert node.warmed[view["id"]].path == "train"
    done = WarmReport(bytes_done=5, bytes_total=9, files_done=1, files_total=2)
    node.warm_reports[view["id"]] = WarmStatus(report=done)
    await world.turn()
    one = f"/datasets/warmings/{view['id']}"
    now = await world.api.ok(MATE, "GET", one)
    assert (now["state"], now["bytes_done"], now["files_total"]) == ("Warming", 5, 2)
    node.end_warm(view["id"], done.model_copy(update={"done": True, "bytes_done": 9}))
    await world.turn()
    assert (await world.api.ok(MATE, "GET", one))["state"] == "Done"
    await world.turn()
    assert node.helpers == {}, "nobody else needs the source"
    cache = await world.api.ok(MATE, "GET", f"/datasets/{dataset}/cache")
    assert (cache["mounted"], cache["bytes_limit"], cache["hit_rate"]) == (False, 5 * GIB, None)
    for who, status in ((STRANGER, 404), (token_of("train"), 403)):
        for route in (path, one, f"/datasets/{dataset}/cache"):
            assert (await world.api.send(who, "GET", route)).status_code == status, route


async def test_a_warming_is_cancelled_and_a_folder_has_none(world: MountWorld) -> None:
    node = node_of(world)
    cats = await world.dataset("cats", uri="s3://pictures/cats")
    pets = await world.dataset("pets")
    answer = await world.api.send(OWNER, "POST", f"/datasets/{pets}/warmings", {})
    assert (answer.status_code, "has no cache" in answer.text) == (422, True)
    answer = await world.api.send(OWNER, "POST", f"/datasets/{cats}/warmings", {"path": "../x"})
    assert answer.status_code == 422
    view = await world.api.ok(OWNER, "POST", f"/datasets/{cats}/warmings", {})
    one = f"/datasets/warmings/{view['id']}"
    assert (await world.api.send(MATE, "DELETE", one)).status_code == 403
    await world.api.ok(OWNER, "DELETE", one)
    await world.turn()
    assert (await world.api.ok(OWNER, "GET", one))["state"] == "Cancelled"
    await world.turn()
    assert (node.helpers, node.warm_reports) == ({}, {})


async def test_the_secret_of_a_store_is_nowhere_to_be_read(world: MountWorld) -> None:
    node = node_of(world)
    dataset = await world.dataset("cats", uri="s3://pictures/cats")
    instance_id = await world.running()
    view = await world.mount(instance_id, "cats")
    await world.turn()
    [request] = node.helpers.values()
    assert "the secret of the store" not in repr(request)
    for path in (
        *(f"/instances/{instance_id}/mounts", f"/instances/{instance_id}/events"),
        *(f"/datasets/{dataset}", f"/datasets/{dataset}/cache", "/audit?workspace=team"),
    ):
        answer = await world.api.send(OWNER, "GET", path)
        assert answer.is_success
        assert "the secret of the store" not in answer.text
    assert view["state"] == "Mounting"


async def test_a_record_has_the_datasets_that_an_instance_starts_with(world: MountWorld) -> None:
    dataset = await world.dataset("pets")
    asked = {"dataset": "pets", "version": 1, "path": "/data/pets"}
    instance_id = await world.instance(datasets=[asked])
    async with world.control.db.read() as session:
        record = await record_of(session, world.control, await world.row(instance_id))
    assert [each.model_dump(mode="json") for each in record.datasets] == [
        {"dataset": dataset, "version": 1, "path": "/data/pets", "access": "ro"}
    ]
