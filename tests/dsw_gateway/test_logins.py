"""Who is let in at the gateway, by a key or by a token, and who is not."""

from __future__ import annotations

import re
from typing import Any

import asyncssh
import pytest
from tests.dsw_gateway.ssh_clients import Client
from tests.dsw_gateway.worlds import World, make_key

pytestmark = pytest.mark.usefixtures("gateway")


def typed(world: World, user: str, token: str) -> Client:
    return Client(world, user, token=token)


async def log_in(world: World, username: str, **options: Any) -> asyncssh.SSHClientConnection:
    return await asyncssh.connect(
        "127.0.0.1",
        world.port,
        username=username,
        known_hosts=None,
        config=None,
        agent_path=None,
        **{"client_keys": None, **options},
    )


async def test_a_session_at_the_gateway_shows_who_you_are_and_where_you_may_go(
    world: World, alice: Client
) -> None:
    world.place("serve", "bob", shared_with={"alice"})
    world.place("secret", "bob")
    done = await alice.visit()
    assert (done.code, done.err) == (0, "")
    at = f"alice@127.0.0.1:{world.port}"
    assert done.out.startswith("You are alice. This gateway only leads to instances")
    assert re.search(rf"(?m)^train +Running  ssh -J {at} dsw@train$", done.out)
    assert re.search(rf"(?m)^bob/serve +Running  ssh -J {at} dsw@{world.places[1].id}$", done.out)
    assert "secret" not in done.out
    terminal = await alice.run("-tt", "-p", str(world.port), "alice@127.0.0.1", stdin=b"")
    assert terminal.code == 0
    assert "You are alice." in terminal.out
    assert terminal.out.count("\r\n") == terminal.out.count("\n")


async def test_a_token_is_a_password_and_enters_with_its_users_own_rights(world: World) -> None:
    key = world.user("alice")
    (world.folder / "authorized").write_bytes(key.with_name(f"{key.name}.pub").read_bytes())
    world.place("serve", "bob", shared_with={"alice"})
    alice = typed(world, "alice", "token-alice")
    for methods in ("password", "keyboard-interactive"):
        done = await alice.visit(f"-oPreferredAuthentications={methods}")
        assert (done.code, done.err) == (0, "")
        assert "bob/serve" in done.out
    entered = await alice.run(
        *alice.jump, f"-oIdentityFile={key}", "-oPubkeyAuthentication=yes", "-oUser=root",
        "train", "echo in",
    )  # fmt: skip
    assert entered.out == "in\n", entered.err


async def test_an_unregistered_and_another_users_key_are_refused_alike(world: World) -> None:
    mallory = world.user("mallory")
    world.user("alice")
    make_key(world.folder / "unknown")
    for key in (mallory, world.folder / "unknown"):
        done = await Client(world, "alice", key).visit()
        assert done.code == 255
        assert done.err.startswith("alice@127.0.0.1: Permission denied (publickey,")


@pytest.mark.parametrize(
    "token",
    ["token-mallory", "expired", "", "token-instance", "token alice", "tökën", "x" * 4000],
)
async def test_a_token_of_somebody_else_is_refused_as_a_wrong_one(world: World, token: str) -> None:
    world.user("alice")
    world.user("mallory")
    world.tokens["token-instance"] = "alice"
    world.instance_tokens.add("token-instance")
    for auth in ("password", "keyboard-interactive"):
        with pytest.raises(asyncssh.PermissionDenied, match="Permission denied for user alice"):
            await log_in(world, "alice", password=token, preferred_auth=auth)


async def test_a_password_with_a_line_break_is_no_header(world: World) -> None:
    world.user("alice")
    with pytest.raises(asyncssh.DisconnectError):
        await log_in(world, "alice", password="token-alice\r\nX-More: 1")
    assert world.asked == []


@pytest.mark.parametrize(
    "name", ["../x", "-oProxyCommand=touch /tmp/x", "a" * 300, "alice/..", " "]
)
async def test_a_user_name_is_only_ever_a_name(world: World, name: str) -> None:
    key = world.user("alice")
    with pytest.raises(asyncssh.DisconnectError):
        await log_in(world, name, client_keys=[str(key)])
    with pytest.raises(asyncssh.DisconnectError):
        await log_in(world, name, password="token-alice")


async def test_nobody_is_let_in_without_a_proof(world: World) -> None:
    world.user("alice")
    with pytest.raises(asyncssh.PermissionDenied):
        await log_in(world, "alice", preferred_auth="none")


async def test_the_sixth_failure_ends_the_connection(world: World) -> None:
    class Guesses(asyncssh.SSHClient):
        made = 0

        def password_auth_requested(self) -> str:
            self.made += 1
            return f"guess-{self.made}"

    client = Guesses()
    with pytest.raises(asyncssh.DisconnectError, match="Too many failed logins"):
        await log_in(world, "alice", client_factory=lambda: client, preferred_auth="password")
    assert client.made == 6
    assert world.asked.count("token") == 6


async def test_a_key_removed_after_the_login_opens_nothing_more(world: World) -> None:
    key = world.user("alice")
    async with await log_in(world, "alice", client_keys=[str(key)]) as connection:
        world.keys["alice"].clear()
        with pytest.raises(asyncssh.ChannelOpenError):
            await connection.open_connection("train", 22)
        assert world.joined == set()


async def test_a_token_revoked_after_the_login_opens_nothing_more(world: World) -> None:
    world.user("alice")
    async with await log_in(world, "alice", password="token-alice") as connection:
        del world.tokens["token-alice"]
        with pytest.raises(asyncssh.ChannelOpenError):
            await connection.open_connection("train", 22)
        assert world.joined == set()


async def test_a_control_that_is_away_is_told_and_not_taken_for_a_refusal(world: World) -> None:
    key = world.user("alice")
    world.away = True
    with pytest.raises(asyncssh.DisconnectError, match="Control is away"):
        await log_in(world, "alice", client_keys=[str(key)])


async def test_no_token_reaches_the_log(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    world.user("alice")
    async with await log_in(world, "alice", password="token-alice") as connection:
        with pytest.raises(asyncssh.ChannelOpenError):
            await connection.open_connection("nowhere", 22)
    with pytest.raises(asyncssh.PermissionDenied):
        await log_in(world, "alice", password="token-of-nobody")
    text = "".join(capfd.readouterr())
    assert "login" in text
    assert "token-alice" not in text
    assert "token-of-nobody" not in text
    assert world.token not in text


async def test_the_agent_and_the_display_stay_at_home(world: World, alice: Client) -> None:
    key = world.user("alice2")
    async with await log_in(world, "alice2", client_keys=[str(key)]) as connection:
        channel, _ = await connection.create_session(asyncssh.SSHClientSession)
        # What `ssh -A` and `ssh -X` ask for; the answer is all there is to see.
        assert not await channel._make_request(b"auth-agent-req@openssh.com")
    done = await alice.visit("-A", "-X")
    assert done.code == 0


async def test_a_user_sees_the_same_host_key_as_the_file_that_clients_are_given(
    world: World, alice: Client
) -> None:
    public = world.settings.data / "secrets" / "gateway-host-key.pub"
    (world.folder / "known_hosts").write_text(f"[127.0.0.1]:{world.port} {public.read_text()}")
    assert (await alice.visit()).code == 0
    private = public.with_suffix("")
    assert private.stat().st_mode & 0o777 == 0o600
