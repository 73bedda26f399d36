"""Attacks: all that somebody who has logged in may not do at the gateway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncssh
import pytest
from tests.dsw_gateway.ssh_clients import Client
from tests.dsw_gateway.worlds import INNER_USER, World

pytestmark = pytest.mark.usefixtures("gateway")
PROHIBITED = asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED


@pytest.fixture
async def connection(world: World, alice: Client) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """Alice's connection, made by a client that asks for anything."""
    key = str(world.folder / "id_alice_ed25519")
    async with asyncssh.connect(
        "127.0.0.1", world.port, username="alice", client_keys=[key], known_hosts=None, config=None
    ) as made:
        yield made


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("127.0.0.1", 22),
        ("127.0.0.1", None),
        ("localhost", None),
        ("::1", 22),
        ("0.0.0.0", 22),
        ("10.0.0.1", 22),
        ("169.254.169.254", 80),
        ("example.com", 22),
        ("train.", 22),
        ("train", 80),
        ("train", 0),
        ("alice/train", 8888),
        ("", 22),
        ("/train", 22),
        ("../x/train", 22),
        ("../../internal/gateway/users", 22),
        ("alice/../bob/train", 22),
        ("-oProxyCommand=touch x", 22),
        ("train\n", 22),
        ("train\x00", 22),
        ("dsw-" + "a" * 40, 22),
        ("a" * 5000, 22),
        ("%h", 22),
        ("train@127.0.0.1", 22),
        ("/var/run/docker.sock", 22),
    ],
)
async def test_nothing_but_port_22_of_an_instance_can_be_reached(
    connection: asyncssh.SSHClientConnection, world: World, host: str, port: int | None
) -> None:
    with pytest.raises(asyncssh.ChannelOpenError) as refusal:
        await connection.open_connection(host, world.settings.hub.port if port is None else port)
    assert refusal.value.code == PROHIBITED
    assert refusal.value.reason.endswith(".")
    assert world.asked == ["alice key", "alice key"]
    assert world.hosts == []


@pytest.mark.parametrize("host", ["nowhere", "bob/train", "../train", "dsw-bbbbbbbbbbbb"])
async def test_an_instance_that_one_may_not_enter_is_as_one_that_there_is_not(
    connection: asyncssh.SSHClientConnection, world: World, host: str
) -> None:
    world.place("train", "bob")
    with pytest.raises(asyncssh.ChannelOpenError) as refusal:
        await connection.open_connection(host, 22)
    assert refusal.value.code == PROHIBITED
    assert refusal.value.reason == f"There is no instance '{host}' that you may enter."
    assert world.hosts == []


async def test_openssh_shows_why_a_host_is_refused(alice: Client, world: World) -> None:
    done = await alice.run(*alice.jump, f"{INNER_USER}@127.0.0.1", "true")
    assert done.code == 255
    assert "administratively prohibited: '127.0.0.1' is not the name of an instance." in done.err
    for host in ("-oProxyCommand=touch x", "train;touch x"):
        done = await alice.run(*alice.jump, "--", host, "true")
        assert done.code == 255
    assert not (world.folder / "x").exists()


async def test_no_command_no_subsystem_and_no_file_is_to_be_had(
    alice: Client, world: World
) -> None:
    for arguments in (["id"], ["-s", "sftp"], ["-tt", "sh"]):
        done = await alice.run("-p", str(world.port), "alice@127.0.0.1", *arguments, stdin=b"")
        assert done.code == 1
        assert "it has no shell, no commands and no files" in done.err + done.out
        assert f"ssh -J alice@127.0.0.1:{world.port} dsw@INSTANCE" in done.err + done.out
    source = world.folder / "known_hosts"
    for flags in (["-O"], ["-s"]):
        copy = await alice.run(
            *flags, "-P", str(world.port), source, "alice@127.0.0.1:x", program="scp"
        )
        assert copy.code != 0
    assert not (world.folder / "x").exists()


async def test_nobody_listens_at_the_gateway(
    connection: asyncssh.SSHClientConnection, alice: Client, world: World
) -> None:
    with pytest.raises(asyncssh.ChannelListenError):
        await connection.forward_remote_port("127.0.0.1", 0, "127.0.0.1", 22)
    with pytest.raises(asyncssh.ChannelListenError):
        await connection.forward_remote_path(str(world.folder / "listen"), "/tmp/x")
    done = await alice.run(
        "-oExitOnForwardFailure=yes", "-N", "-R", "0:127.0.0.1:22",
        "-p", str(world.port), "alice@127.0.0.1",
    )  # fmt: skip
    assert done.code == 255
    assert "remote port forwarding failed" in done.err
    assert not (world.folder / "listen").exists()


async def test_no_socket_and_no_network_device_of_the_gateway_is_opened(
    connection: asyncssh.SSHClientConnection,
) -> None:
    with pytest.raises(asyncssh.ChannelOpenError) as refusal:
        await connection.open_unix_connection("/var/run/docker.sock")
    assert refusal.value.code == PROHIBITED
    for opening in (connection.create_tun, connection.create_tap):
        with pytest.raises(asyncssh.ChannelOpenError) as refusal:
            await opening(asyncssh.SSHTunTapSession)
        assert refusal.value.code == PROHIBITED


async def test_sessions_of_one_connection_are_few(
    connection: asyncssh.SSHClientConnection,
) -> None:
    for _ in range(10):
        assert "You are alice" in str((await connection.run()).stdout)
    with pytest.raises(asyncssh.ChannelOpenError, match="a few sessions only"):
        await connection.run()


async def test_a_hub_port_forward_through_openssh_carries_nothing(
    alice: Client, world: World
) -> None:
    hub = world.settings.hub.port
    done = await alice.run(
        "-p", str(world.port), "-W", f"127.0.0.1:{hub}", "alice@127.0.0.1", stdin=b"GET / HTTP/1.0"
    )
    assert (done.code, done.out) == (255, "")
    assert f"Port {hub} cannot be reached through this gateway." in done.err


async def test_a_refused_forward_does_not_end_the_connection(
    connection: asyncssh.SSHClientConnection,
) -> None:
    with pytest.raises(asyncssh.ChannelOpenError):
        await connection.open_connection("127.0.0.1", 80)
    reader, writer = await connection.open_connection("train", 22)
    async with asyncio.timeout(10):
        assert (await reader.readline()).startswith(b"SSH-2.0-OpenSSH")
    writer.close()
