"""Entering instances through the gateway with the OpenSSH client."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path

import pytest
from tests.dsw_gateway.conftest import keyed
from tests.dsw_gateway.ssh_clients import Client
from tests.dsw_gateway.worlds import INNER_USER, World, settled, until

from dsw.instances import InstanceState

pytestmark = pytest.mark.usefixtures("gateway")
ALL = bytes(range(256))


async def test_a_command_runs_in_an_own_instance_and_its_exit_code_comes_back(
    alice: Client,
) -> None:
    done = await alice.enter("train", "echo out; echo err >&2; exit 7")
    assert (done.code, done.out, done.err) == (7, "out\n", "err\n")


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
async def test_other_kinds_of_keys_enter_too(world: World, kind: str) -> None:
    key = world.user("alice", kind)
    (world.folder / "authorized").write_bytes(key.with_name(f"{key.name}.pub").read_bytes())
    done = await Client(world, "alice", key).enter("train", "echo in")
    assert (done.code, done.out) == (0, "in\n"), done.err


async def test_what_is_sent_arrives_as_it_is_both_ways(alice: Client) -> None:
    sent = os.urandom(5_000_000)
    process = await alice.start(*alice.jump, f"{INNER_USER}@train", "cat")
    out, _ = await asyncio.wait_for(process.communicate(sent), 60)
    assert hashlib.sha256(out).digest() == hashlib.sha256(sent).digest()


async def test_scp_and_sftp_carry_files(alice: Client, world: World, tmp_path: Path) -> None:
    source, there, back = (tmp_path / name for name in ("source", "there", "back"))
    source.write_bytes(ALL * 40_000)
    copy = await alice.run(*alice.jump, source, f"{INNER_USER}@train:{there}", program="scp")
    assert copy.code == 0, copy.err
    batch = f"get {there} {back}\n".encode()
    get = await alice.run(*alice.jump, "-b-", f"{INNER_USER}@train", program="sftp", stdin=batch)
    assert get.code == 0, get.err
    assert back.read_bytes() == source.read_bytes()


async def test_a_client_that_does_not_read_holds_the_instance_back(
    alice: Client, world: World
) -> None:
    written = world.folder / "written"
    forever = f"dd if=/dev/zero bs=65536 count=4096 2>/dev/null | tee {written} >&1"
    process = await alice.start(*alice.jump, f"{INNER_USER}@train", forever)
    await until(lambda: written.exists() and written.stat().st_size > 0)
    assert await settled(lambda: written.stat().st_size) < 64 * 1024 * 1024
    assert process.stdout is not None
    out = 0
    while chunk := await process.stdout.read(1 << 20):
        out += len(chunk)
    assert out == 4096 * 65536
    await process.wait()


async def test_an_instance_is_named_by_its_id_or_by_owner_and_name(
    alice: Client, world: World
) -> None:
    own = world.places[0]
    shared = world.place("eval", "Ünï-bob/x", shared_with={"alice"})
    plain = world.place("serve", "bob", shared_with={"alice"})
    for host in (own.id, shared.id, "alice/train", "bob/serve", plain.id.upper()):
        done = await alice.enter(host, "echo in")
        assert (done.code, done.out) == (0, "in\n"), done.err


async def test_a_name_means_ones_own_instance_only(alice: Client, world: World) -> None:
    world.place("eval", "bob", shared_with={"alice"})
    done = await alice.enter("eval", "true")
    assert done.code == 255
    assert "administratively prohibited: There is no instance 'eval'" in done.err


async def test_a_stopped_instance_is_started_and_entered_once_it_is_up(
    alice: Client, world: World
) -> None:
    world.places[0].state, world.places[0].starts_after = InstanceState.STOPPED, 5
    done = await alice.enter("train", "echo in")
    assert (done.code, done.out) == (0, "in\n"), done.err
    assert world.asked.count("alice train") > 5


async def test_somebody_who_waits_for_a_start_and_leaves_is_waited_for_no_more(
    alice: Client, world: World
) -> None:
    world.places[0].state, world.places[0].starts_after = InstanceState.STOPPED, 10_000
    process = await alice.start(*alice.jump, f"{INNER_USER}@train", "true")
    await until(lambda: world.asked.count("alice train") > 2)
    process.kill()
    await process.communicate()
    await settled(lambda: world.asked.count("alice train"))


async def test_a_queued_instance_is_given_up_with_a_sentence(alice: Client, world: World) -> None:
    world.places[0].state = InstanceState.QUEUING
    done = await alice.enter("train", "true")
    assert done.code == 255
    assert "train is not up yet (Queuing: Waits for memory)" in done.err
    assert "try again later" in done.err


async def test_a_start_that_fails_is_told_with_its_reason(alice: Client, world: World) -> None:
    world.places[0].refuses = (409, "train failed: the image is gone.")
    done = await alice.enter("train", "true")
    assert done.code == 255
    assert "train failed: the image is gone." in done.err


async def test_an_instance_on_an_origin_of_its_own_is_asked_for_by_that_name(
    alice: Client, world: World
) -> None:
    world.places[0].url = "https://alice.dsw.example.com/user/alice/train/"
    done = await alice.enter("train", "echo in")
    assert (done.code, done.out) == (0, "in\n"), done.err
    assert world.hosts == ["alice.dsw.example.com"]


async def test_an_instance_that_lets_nobody_in_is_a_sentence(alice: Client, world: World) -> None:
    world.reject = 403
    done = await alice.enter("train", "true")
    assert done.code == 255
    assert "train lets you in no more." in done.err


async def test_a_proxy_without_its_routes_is_waited_for(alice: Client, world: World) -> None:
    world.reject = 503
    process = await alice.start(*alice.jump, f"{INNER_USER}@train", "echo in")
    await until(lambda: len(world.hosts) > 2)
    world.reject = None
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert out == b"in\n", err


async def test_twenty_sessions_at_once(alice: Client) -> None:
    done = await asyncio.gather(*(alice.enter("train", f"echo {n}") for n in range(20)))
    assert [each.out for each in done] == [f"{n}\n" for n in range(20)], done


async def test_forwards_and_agents_are_those_of_the_instance(alice: Client, world: World) -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"inside")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        done = await alice.run(
            *alice.jump, "-W", f"127.0.0.1:{port}", f"{INNER_USER}@train", stdin=b""
        )
    assert done.out == "inside", done.err


async def test_control_may_go_away_while_a_session_is_open(alice: Client, world: World) -> None:
    process = await alice.start(*alice.jump, f"{INNER_USER}@train", "cat")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"before\n")
    assert await asyncio.wait_for(process.stdout.readline(), 20) == b"before\n"
    world.away = True
    process.stdin.write(b"during\n")
    assert await asyncio.wait_for(process.stdout.readline(), 20) == b"during\n"
    refused = await alice.enter("train", "true")
    assert refused.code == 255
    world.away = False
    assert (await alice.enter("train", "echo in")).out == "in\n"
    process.stdin.write_eof()
    assert await process.wait() == 0


async def test_control_that_comes_back_soon_is_waited_for(alice: Client, world: World) -> None:
    place = world.places[0]
    place.refuses = (503, "Control starts.")
    process = await alice.start(*alice.jump, f"{INNER_USER}@train", "echo in")
    await until(lambda: world.asked.count("alice train") > 2)
    place.refuses = None
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert out == b"in\n", err


async def test_a_proxy_that_dies_ends_sessions_cleanly_and_the_next_works(
    alice: Client, world: World
) -> None:
    process = await alice.start(*alice.jump, f"{INNER_USER}@train", "echo in; cat")
    assert process.stdout is not None
    assert await asyncio.wait_for(process.stdout.readline(), 20) == b"in\n"
    for connection in set(world.joined):
        connection.transport.abort()
    assert await asyncio.wait_for(process.wait(), 10) == 255
    assert (await alice.enter("train", "echo again")).out == "again\n"


async def test_an_instance_that_ends_a_session_leaves_no_connection_behind(
    world: World,
) -> None:
    alice = keyed(world, "alice")
    assert (await alice.enter("train", "kill -9 $PPID")).code == 255
    await until(lambda: not world.joined)
