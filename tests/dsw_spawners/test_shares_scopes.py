"""Shares at a real hub: what control's token can do with them, what nobody else can, and what
becomes of them. Control relies on each of these facts."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from tests.dsw_spawners.conftest import Bench

from dsw import secret_files
from dsw.errors import RemoteError
from dsw_control.hub import Hub

NAME = "shared"


@pytest.fixture
async def control(process_bench: Bench) -> AsyncIterator[Hub]:
    """Control's client of the hub, with its token. Alice has a server there that never ran."""
    for user in ("alice", "bob", "carol"):
        process_bench.admin.post(f"/users/{user}")
    token = process_bench.hub.secrets.read(secret_files.CONTROL)
    hub = Hub(process_bench.hub.api, token)
    made = process_bench.hub.client(token).put(f"/users/alice/servers/{NAME}", json={})
    assert made.status_code in (200, 201, 409)
    yield hub
    for name, (kind, whom) in await hub.shares("alice"):
        await hub.unshare("alice", name, whom, kind)
    await hub.close()


def client_of(bench: Bench, user: str) -> httpx.Client:
    """The hub's API with a token of this user."""
    made = bench.admin.post(f"/users/{user}/tokens", json={"note": "shares"}).json()
    return bench.hub.client(made["token"])


def may_enter(bench: Bench, user: str) -> bool:
    scopes = client_of(bench, user).get("/user").json()["scopes"]
    return f"access:servers!server=alice/{NAME}" in scopes


async def test_control_shares_twice_and_takes_back_twice(
    process_bench: Bench, control: Hub
) -> None:
    assert not may_enter(process_bench, "bob")
    for _ in range(2):
        await control.share("alice", NAME, "bob")
    assert may_enter(process_bench, "bob")
    assert not may_enter(process_bench, "carol")
    assert await control.shares("alice") == {(NAME, ("user", "bob"))}
    for _ in range(2):
        await control.unshare("alice", NAME, "bob")
    assert not may_enter(process_bench, "bob")
    assert await control.shares("alice") == set()


async def test_what_the_hub_does_not_know_is_refused_or_no_error(control: Hub) -> None:
    with pytest.raises(RemoteError):
        await control.share("alice", "no-such-server", "bob")
    with pytest.raises(RemoteError):
        await control.share("alice", NAME, "nobody")
    await control.unshare("alice", "no-such-server", "bob")
    await control.unshare("alice", NAME, "nobody")
    await control.unshare("nobody", NAME, "bob")
    assert await control.shares("nobody") == set()


async def test_shares_end_with_the_server(process_bench: Bench, control: Hub) -> None:
    await control.share("alice", NAME, "bob")
    await control.delete("alice", NAME)
    assert await control.shares("alice") == set()
    client = process_bench.hub.client(process_bench.hub.secrets.read(secret_files.CONTROL))
    assert client.put(f"/users/alice/servers/{NAME}", json={}).is_success
    assert await control.shares("alice") == set()
    assert not may_enter(process_bench, "bob")


async def test_a_share_lets_in_and_does_nothing_else(process_bench: Bench, control: Hub) -> None:
    await control.share("alice", NAME, "bob")
    bob = client_of(process_bench, "bob")
    server = f"/users/alice/servers/{NAME}"
    for method, path in (
        ("GET", "/users/alice"),
        ("POST", server),
        ("DELETE", server),
        ("PATCH", server),
        ("GET", f"/shares/alice/{NAME}"),
        ("POST", f"/shares/alice/{NAME}"),
        ("POST", f"/share-codes/alice/{NAME}"),
        ("POST", "/users/alice/tokens"),
    ):
        answer = bob.request(method, path, json={"user": "carol"} if "shares/" in path else {})
        assert answer.status_code in (403, 404), (method, path, answer.text)
    assert await control.shares("alice") == {(NAME, ("user", "bob"))}


async def test_users_cannot_share_by_themselves(process_bench: Bench, control: Hub) -> None:
    alice = client_of(process_bench, "alice")
    for path in (f"/shares/alice/{NAME}", f"/share-codes/alice/{NAME}"):
        answer = alice.post(path, json={"user": "bob"} if "/shares" in path else {})
        assert answer.status_code == 403, answer.text
    assert await control.shares("alice") == set()


async def test_a_long_list_of_shares_is_read_whole(process_bench: Bench, control: Hub) -> None:
    names = [f"member{number}" for number in range(205)]
    process_bench.admin.post("/users", json={"usernames": names})
    for name in names:
        await control.share("alice", NAME, name)
    assert await control.shares("alice") == {(NAME, ("user", name)) for name in names}
