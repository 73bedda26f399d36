"""Limits: who is too much has to go, and leaves room for everybody else."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import AsyncExitStack

import asyncssh
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dsw_gateway.conftest import keyed
from tests.dsw_gateway.worlds import INNER_USER, World, a_gateway, until

from dsw_gateway.crowd import Crowd, Limits

TIGHT = Limits(
    connections=4, connections_of_user=3, strangers=5, channels_of_user=2, login_seconds=1
)


async def log_in(world: World, name: str) -> asyncssh.SSHClientConnection:
    key = str(world.folder / f"id_{name}_ed25519")
    return await asyncssh.connect(
        "127.0.0.1", world.port, username=name, client_keys=[key], known_hosts=None, config=None
    )


async def test_connections_that_never_log_in_do_not_keep_others_out(world: World) -> None:
    alice = keyed(world, "alice")
    limits = Limits(strangers=5)
    async with a_gateway(world, limits):
        silent = [await asyncio.open_connection("127.0.0.1", world.port) for _ in range(60)]
        done = await alice.enter("train", "echo in")
        assert (done.code, done.out) == (0, "in\n"), done.err
        open_still = [await is_open(reader) for reader, _ in silent]
        assert sum(open_still) <= limits.strangers
        for _, writer in silent:
            writer.close()


async def is_open(reader: asyncio.StreamReader) -> bool:
    try:
        async with asyncio.timeout(0.2):
            while await reader.read(4096):
                pass
    except TimeoutError:
        return True
    except OSError:
        return False
    return False


async def test_who_does_not_log_in_in_time_is_sent_away(world: World) -> None:
    async with a_gateway(world, TIGHT):
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
        async with asyncio.timeout(5):
            while await reader.read(4096):
                pass
        writer.close()


async def test_one_user_cannot_take_all_connections(world: World) -> None:
    world.user("alice")
    world.user("bob")
    async with a_gateway(world, TIGHT), AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(await log_in(world, "alice"))
        fourth = await log_in(world, "alice")
        await fourth.wait_closed()
        bob = await stack.enter_async_context(await log_in(world, "bob"))
        assert "You are bob" in str((await bob.run()).stdout)


async def test_one_user_has_so_many_ways_to_instances_and_gets_them_back(world: World) -> None:
    world.user("alice")
    async with a_gateway(world, TIGHT) as gateway, await log_in(world, "alice") as connection:
        writers = [(await connection.open_connection("train", 22))[1] for _ in range(2)]
        with pytest.raises(asyncssh.ChannelOpenError, match="too many open connections"):
            await connection.open_connection("train", 22)
        for writer in writers:
            writer.close()
        await until(lambda: gateway.crowd.open_channel("alice"))
        gateway.crowd.close_channel("alice")


async def test_a_stop_ends_sessions_and_leaves_nothing(world: World) -> None:
    alice = keyed(world, "alice")
    async with a_gateway(world):
        process = await alice.start(*alice.jump, f"{INNER_USER}@train", "echo in; cat")
        assert process.stdout is not None
        await process.stdout.readline()
    async with asyncio.timeout(5):
        assert await process.wait() == 255
        await until(lambda: not world.joined)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_the_process_ends_at_once_and_the_next_one_serves_again(
    world: World, number: signal.Signals
) -> None:
    alice = keyed(world, "alice")
    config = world.folder / "dsw.toml"
    config.write_text(
        f"data_dir = '{world.settings.data_dir}'\n"
        f"[hub]\nport = {world.settings.hub.port}\n"
        f"[control]\nport = {world.settings.control.port}\n"
        f"[ssh]\ngateway_port = {world.port}\n"
    )
    for _ in range(2):
        gateway = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "dsw_gateway.main",
            env={"DSW_CONFIG": str(config)}, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert gateway.stderr is not None
        assert b'"event": "listening"' in await gateway.stderr.readline()
        process = await alice.start(*alice.jump, f"{INNER_USER}@train", "echo in; cat")
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), 20) == b"in\n"
        half = await asyncio.open_connection("127.0.0.1", world.port)
        gateway.send_signal(number)
        async with asyncio.timeout(5):
            assert await gateway.wait() == (0 if number == signal.SIGTERM else -number)
            assert await process.wait() == 255
        half[1].close()
        await gateway.stderr.read()


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=60))
def test_a_flood_pushes_out_its_own_address_first(steps: list[tuple[str, bool]]) -> None:
    crowd: Crowd[int] = Crowd(Limits(strangers=6))
    here: dict[int, str] = {}
    for number, (address, leaves) in enumerate(steps):
        if leaves and here:
            gone = next(iter(here))
            crowd.leave(gone)
            del here[gone]
        out = crowd.come(number, address)
        here[number] = address
        if out is not None:
            counts = {place: list(here.values()).count(place) for place in here.values()}
            assert counts[here[out]] == max(counts.values())
            del here[out]
        assert len(crowd.everybody()) == len(here) <= 6
