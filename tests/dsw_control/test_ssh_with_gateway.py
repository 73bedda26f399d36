"""What the gateway asks, answered by the real control."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from tests.dsw_control.apis import Api
from tests.dsw_control.conftest import MakeApi
from tests.dsw_control.ssh_worlds import add_key, key_of, share, show, up, world_with_keys
from tests.stub_hub import instance_token, user_token

from dsw.errors import RemoteError
from dsw.instances import InstanceState
from dsw_gateway.control import ControlCalls, Login
from dsw_gateway.greeting import welcome
from dsw_gateway.host_key import host_key

GATEWAY = {"ssh": {"gateway_port": 2222}, "hub": {"public_url": "https://hub.example.com/"}}


@pytest.fixture
async def api(make_api: MakeApi) -> Api:
    """Control with a gateway; `dan` has `train`, and `eve` has shared `eval` with him."""
    api, _ = await world_with_keys(make_api, **GATEWAY)
    shared = await up(api, "eve", name="eval", display_name="Eval")
    await share(api, shared, "dan")
    await up(api, "eve", name="secret", display_name="Secret")
    return api


@pytest.fixture
async def control(api: Api) -> AsyncIterator[ControlCalls]:
    """The gateway's side."""
    calls = ControlCalls(api.control.settings, api.control.gateway_token)
    await calls._http.aclose()
    transport = httpx.ASGITransport(api.app)
    calls._http = httpx.AsyncClient(transport=transport, base_url="http://control.test")
    yield calls
    await calls.close()


def token_of(headers: dict[str, str]) -> str:
    return headers["Authorization"].removeprefix("Bearer ")


async def by_key(control: ControlCalls, name: str) -> Login:
    login = await control.key_login(name, key_of(name))
    assert login is not None
    return login


async def by_token(control: ControlCalls, name: str) -> Login:
    login = await control.token_login(name, token_of(user_token(name)))
    assert login is not None
    return login


@pytest.mark.parametrize("way", [by_key, by_token])
async def test_both_ways_in_get_the_same_tickets_and_lists(
    api: Api, control: ControlCalls, way: object
) -> None:
    login = await (by_key if way is by_key else by_token)(control, "dan")
    items = await login.instances()
    assert {(item.owner, item.name) for item in items} == {("dan", "train"), ("eve", "eval")}
    text = welcome("dan", "hub.example.com:2222", items)
    (shared,) = (item for item in items if item.owner == "eve")
    assert "ssh -J dan@hub.example.com:2222 dsw@train\n" in text
    assert f"ssh -J dan@hub.example.com:2222 dsw@{shared.id}\n" in text
    for name in ("train", shared.id, "eve/eval"):
        view = await login.ticket(name, start=True)
        assert view.state == InstanceState.RUNNING
        item = {"id": view.instance_id, "owner": view.owner, "name": view.name}
        entry = (await show(api, item, view.ticket or "")).json()
        assert entry == {"user": "dan", "keys": [key_of("dan")]}
    for name in ("secret", "eve/secret", "eval", "nowhere", "../x/train"):
        with pytest.raises(RemoteError) as refusal:
            await login.ticket(name, start=True)
        assert refusal.value.status == 404


async def test_who_has_no_right_to_enter_is_let_in_and_finds_nothing(
    control: ControlCalls,
) -> None:
    login = await by_key(control, "gus")
    assert await login.instances() == []
    with pytest.raises(RemoteError):
        await login.ticket("dan/train", start=True)


@pytest.mark.parametrize(
    ("username", "key"),
    [("eve", "dan"), ("nobody", "dan"), ("../dan", "dan"), ("DAN", "dan"), ("dan\0", "dan")],
)
async def test_a_key_is_that_of_one_user(control: ControlCalls, username: str, key: str) -> None:
    assert await control.key_login(username, key_of(key)) is None


async def test_a_token_is_that_of_one_user_and_of_no_instance(control: ControlCalls) -> None:
    assert await control.token_login("eve", token_of(user_token("dan"))) is None
    assert await control.token_login("dan", "no-token") is None
    assert await control.token_login("dan", token_of(instance_token("dan", "train"))) is None


async def test_a_removed_key_opens_nothing_more(api: Api, control: ControlCalls) -> None:
    login = await by_key(control, "dan")
    (key,) = (await api.ok("dan", "GET", "/ssh-keys"))["items"]
    await api.ok("dan", "DELETE", f"/ssh-keys/{key['id']}")
    with pytest.raises(RemoteError):
        await login.ticket("train", start=True)
    with pytest.raises(RemoteError):
        await login.instances()
    await add_key(api, "dan")
    assert (await login.ticket("train", start=True)).ticket


async def test_clients_are_told_where_the_gateway_is_and_which_key_it_has(api: Api) -> None:
    told = (await api.ok("dan", "GET", "/me"))["ssh_gateway"]
    assert told == {"address": "hub.example.com:2222", "host_key": None}
    key = host_key(api.control.settings.data)
    told = (await api.ok("dan", "GET", "/me"))["ssh_gateway"]
    assert told["host_key"].split()[:2] == key.export_public_key().decode().split()[:2]
