"""Small parts of control: loops, listeners, the kernel's counters, rebuilt image configurations."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsw.names import slug
from dsw.settings import Settings
from dsw_control.bus import QUEUE, Bus, Change
from dsw_control.engines.docker import make_host_folders
from dsw_control.engines.docker_agent import AgentContainers
from dsw_control.engines.docker_config import rebuilt_config
from dsw_control.engines.memory_kills import counter_file, parse_kills
from dsw_control.loops import GAP, every
from dsw_control.oom import risen
from dsw_control.openapi import document

CHANGE = Change(event="instance", object_id="x", owner="ada", workspace_id=None, data="{}")


async def test_a_loop_goes_on_after_an_error() -> None:
    turns = 0
    done = asyncio.Event()

    async def fail_twice() -> None:
        nonlocal turns
        turns += 1
        if turns < 3:
            raise RuntimeError
        done.set()

    task = asyncio.create_task(every(0, fail_twice))
    async with asyncio.timeout(5):
        await done.wait()
    task.cancel()


async def test_a_loop_is_woken_before_its_time() -> None:
    wake, turned = asyncio.Event(), asyncio.Event()

    async def turn() -> None:
        turned.set()

    task = asyncio.create_task(every(3600, turn, wake))
    for _ in range(2):
        async with asyncio.timeout(5):
            await turned.wait()
        turned.clear()
        wake.set()
    task.cancel()


async def test_many_who_wake_a_loop_cause_few_turns() -> None:
    wake, turned, turns, asked = asyncio.Event(), asyncio.Event(), 0, 0

    async def turn() -> None:
        nonlocal turns
        turns += 1
        turned.set()

    task = asyncio.create_task(every(3600, turn, wake))
    end = asyncio.get_running_loop().time() + 6 * GAP
    while asyncio.get_running_loop().time() < end:
        wake.set()
        asked += 1
        await asyncio.sleep(0)
    # What was asked for last is done, too.
    turned.clear()
    async with asyncio.timeout(5):
        await turned.wait()
    task.cancel()
    assert asked > 100
    assert 2 <= turns <= 8


def test_a_listener_that_does_not_read_is_cut_off_and_the_others_are_not() -> None:
    bus = Bus()
    with bus.listen() as slow, bus.listen() as quick:
        for _ in range(QUEUE + 1):
            bus.publish(CHANGE)
            quick.get_nowait()
        assert slow.get_nowait() is None
        bus.publish(CHANGE)
        assert quick.get_nowait() == CHANGE
        assert slow.empty()


def test_the_counter_of_both_versions_of_cgroups_is_found(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    (one / "memory/docker/abc").mkdir(parents=True)
    (one / "memory/docker/abc/memory.oom_control").write_text("under_oom 0\noom_kill 3\n")
    (two / "system.slice/docker-abc.scope").mkdir(parents=True)
    (two / "cgroup.controllers").write_text("memory")
    (two / "system.slice/docker-abc.scope/memory.events").write_text("oom 9\noom_kill 2\n")
    member = tmp_path / "cgroup"
    for text, root, kills in (
        ("5:memory:/docker/abc\n0::/x\n", one, 3),
        ("0::/system.slice/docker-abc.scope\n", two, 2),
    ):
        member.write_text(text)
        file = counter_file(member, root)
        assert file is not None
        assert parse_kills(file) == kills
    assert counter_file(tmp_path / "none", one) is None
    assert parse_kills(tmp_path / "none") is None


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        (None, {"a": 3}, []),
        ({}, {"a": 1}, ["a"]),
        ({}, {"a": 0}, []),
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2, "b": 0}, ["a"]),
        ({"a": 3}, {"a": 1}, ["a"]),
        ({"a": 3}, {"a": 0}, []),
    ],
)
def test_a_counter_that_rose_is_told(
    before: dict[str, int] | None, now: dict[str, int], told: list[str]
) -> None:
    assert risen(before, now) == told


def test_homes_are_private_and_their_parents_cannot_be_changed_by_users(tmp_path: Path) -> None:
    make_host_folders(tmp_path / "nas", ["ws-1/home/ada", "ws-1/shared"])
    home = tmp_path / "nas/ws-1/home/ada"
    assert home.stat().st_mode & 0o777 == 0o700
    assert home.stat().st_uid == 1000
    assert home.parent.stat().st_uid == 0
    assert home.parent.stat().st_mode & 0o022 == 0
    (home / "file").write_text("kept")
    make_host_folders(tmp_path / "nas", ["ws-1/home/ada"])
    assert (home / "file").read_text() == "kept"


@given(st.text(min_size=1), st.text(min_size=1))
def test_two_users_never_share_an_nfs_volume(one: str, other: str) -> None:
    settings = Settings.model_validate(
        {"storage": {"kind": "nfs", "nfs_server": "nas", "nfs_path": "/export/"}}
    )
    agents = AgentContainers(settings)
    devices = [agents.nfs_options(f"ws-1/home/{slug(name)}")["device"] for name in (one, other)]
    assert (devices[0] == devices[1]) == (one == other)
    assert devices[0].startswith(":/export/ws-1/home/")


def test_an_nfs_volume_has_the_options_of_the_settings() -> None:
    storage = {"kind": "nfs", "nfs_server": "10.0.0.9", "nfs_path": "/export"}
    agents = AgentContainers(Settings.model_validate({"storage": storage}))
    assert agents.nfs_options("ws-1/shared") == {
        "type": "nfs",
        "o": "addr=10.0.0.9,nfsvers=4,rw,hard",
        "device": ":/export/ws-1/shared",
    }


@pytest.mark.parametrize(("sizes", "has_history"), [([0, 5, 7], True), ([0, 0, 7], False)])
def test_a_rebuilt_configuration_has_a_history_only_if_it_is_sure(
    sizes: list[int], has_history: bool
) -> None:
    inspected = {
        "Architecture": "amd64",
        "Os": "linux",
        "Created": "2026-01-01T00:00:00Z",
        "Config": {"Env": ["A=1"]},
        "RootFS": {"Layers": ["sha256:1", "sha256:2"]},
    }
    config = rebuilt_config(inspected, [{"CreatedBy": "x", "Size": size} for size in sizes])
    assert ("history" in config) is has_history
    assert config["rootfs"]["diff_ids"] == ["sha256:1", "sha256:2"]
    if has_history:
        assert [line.get("empty_layer", False) for line in config["history"]] == [
            False,
            False,
            True,
        ]


def test_the_api_document_is_openapi_3_1_with_a_problem_for_every_refusal() -> None:
    schema = document()
    assert schema["openapi"].startswith("3.1")
    for methods in schema["paths"].values():
        for operation in methods.values():
            assert "4XX" in operation["responses"]
