"""The routes of the SSH gateway: it acts for those who hold a registered key, and as they could."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from tests.dsw_control.apis import ADMIN, Api
from tests.dsw_control.conftest import MakeApi
from tests.dsw_control.ssh_worlds import (
    add_key,
    entrants,
    gateway,
    key_of,
    share,
    show,
    up,
    world_with_keys,
)
from tests.dsw_control.starts import end
from tests.dsw_control.teams import audited, put, row

from dsw.instances import InstanceState
from dsw.ssh import public_key
from dsw_control import auth
from dsw_control.store.tables import AuditEntry

PATHS = ("users", "tickets", "instances")


async def is_user(api: Api, username: str, key: str) -> int:
    """The status of the question whether this key is one of this user's."""
    return (await gateway(api, "users", username=username, public_key=key)).status_code


async def knock(api: Api, who: str, instance: str, **more: Any) -> Any:
    """A request for a ticket in the name of somebody with their first key."""
    body = {"username": who, "public_key": key_of(who), "instance": instance, **more}
    return await gateway(api, "tickets", **body)


async def test_only_the_gateways_own_token_opens_its_routes(make_api: MakeApi) -> None:
    api, item = await world_with_keys(make_api)
    body = {"username": "dan", "public_key": key_of("dan")}
    for path in PATHS:
        asked = {**body, "instance": "train"} if path == "tickets" else body
        for token in (api.control.spawner_token, "user-dan", f"user-{ADMIN}", "", "\u00e4"):
            headers = {b"authorization": f"Bearer {token}".encode()}
            answer = await gateway(api, path, headers, **asked)  # type: ignore[arg-type]
            assert answer.status_code == 401, (path, token)
        assert (await gateway(api, path, {}, **asked)).status_code == 401
        assert (await gateway(api, path, **asked)).is_success
    # Nor does it open the hub's, or anything of the API.
    as_gateway = {"Authorization": f"Bearer {api.control.gateway_token}"}
    assert (await gateway(api, "../plans", as_gateway)).status_code == 401
    assert (await api.send(as_gateway, "GET", "/me")).status_code == 401
    sent = await api.send(as_gateway, "GET", f"/instances/{item['id']}/ssh/entrants")
    assert sent.status_code == 401


async def test_the_tokens_of_gateway_and_hub_differ(make_api: MakeApi) -> None:
    api, _ = await world_with_keys(make_api)
    assert api.control.gateway_token != api.control.spawner_token
    assert len(api.control.gateway_token) == 64
    assert api.control.gateway_token not in repr(api.control)


async def test_a_registered_key_is_known_and_nothing_else_is_told(make_api: MakeApi) -> None:
    api, _ = await world_with_keys(make_api)
    assert await is_user(api, "dan", key_of("dan")) == 204
    assert await is_user(api, "dan", f"{key_of('dan')} a comment") == 204
    answers = set()
    for username, key in (
        ("dan", key_of("eve")),
        ("dan", key_of("nobody")),
        ("nobody", key_of("dan")),
        ("DAN", key_of("dan")),
        ("dan ", key_of("dan")),
        ("../dan", key_of("dan")),
        ("-oProxyCommand=id", key_of("dan")),
        ("dan\0", key_of("dan")),
        ("d\u0430n", key_of("dan")),
        ("dan", "hello"),
        ("dan", f"{key_of('nobody')}\n{key_of('dan')}"),
    ):
        for path in PATHS:
            more = {"instance": "train"} if path == "tickets" else {}
            answer = await gateway(api, path, username=username, public_key=key, **more)
            assert answer.status_code == 403, (path, username, key)
            answers.add((answer.json()["detail"], answer.json()["code"]))
    assert len(answers) == 1, "whether there is such a user or such a key is nobody's to learn"


async def test_a_key_of_two_users_opens_what_each_may_enter(make_api: MakeApi) -> None:
    """The gateway logs in by name and key. Whoever registers the public key of somebody else lets
    the holder of its private half in as themselves, and gains nothing."""
    api, _ = await world_with_keys(make_api)
    await add_key(api, "eve", "dan")
    theirs = await up(api, "eve", name="theirs")
    assert await is_user(api, "eve", key_of("dan")) == 204
    body = {"public_key": key_of("dan"), "instance": "theirs"}
    assert (await gateway(api, "tickets", username="dan", **body)).status_code == 404
    answer = await gateway(api, "tickets", username="eve", **body)
    assert answer.json()["instance_id"] == theirs["id"]


async def test_a_removed_key_is_none_at_once(make_api: MakeApi) -> None:
    api, _ = await world_with_keys(make_api)
    assert await is_user(api, "dan", key_of("dan")) == 204
    (key,) = (await api.ok("dan", "GET", "/ssh-keys"))["items"]
    await api.ok("dan", "DELETE", f"/ssh-keys/{key['id']}")
    assert await is_user(api, "dan", key_of("dan")) == 403


async def test_who_is_disabled_everywhere_has_no_way_in(make_api: MakeApi) -> None:
    api, _ = await world_with_keys(make_api)
    for workspace in ("team", "default"):
        assert await is_user(api, "eve", key_of("eve")) == 204
        await put(api, ADMIN, workspace, "eve", "developer", disabled=True)
    assert await is_user(api, "eve", key_of("eve")) == 403


async def test_the_keys_of_a_user_deleted_at_the_hub_stop_working_within_seconds(
    make_api: MakeApi, monkeypatch: Any
) -> None:
    api, _ = await world_with_keys(make_api)
    assert await is_user(api, "dan", key_of("dan")) == 204
    api.hub.delete("dan")
    # The answer of a moment ago holds for that moment, as that about a token does.
    assert auth.CACHE_SECONDS < 5
    monkeypatch.setattr(auth, "CACHE_SECONDS", 0.0)
    assert await is_user(api, "dan", key_of("dan")) == 403
    assert (await knock(api, "dan", "train")).status_code == 403


async def test_the_hub_is_not_asked_for_each_of_many_logins(make_api: MakeApi) -> None:
    api, _ = await world_with_keys(make_api)
    assert await is_user(api, "dan", key_of("dan")) == 204
    api.hub.down = True
    assert await is_user(api, "dan", key_of("dan")) == 204
    assert (await knock(api, "dan", "train")).is_success
    # Whom it does not remember it lets in when the hub can be asked again.
    assert await is_user(api, "eve", key_of("eve")) == 503


async def test_a_ticket_is_given_as_over_the_proxy_and_notes_the_key(make_api: MakeApi) -> None:
    api, item = await world_with_keys(make_api)
    second = await add_key(api, "dan", "second", title="Second")
    answer = await knock(api, "dan", "train")
    assert answer.status_code == 200, answer.text
    shown = await show(api, item, answer.json()["ticket"])
    assert shown.json() == {"user": "dan", "keys": [key_of("dan"), key_of("second")]}
    fingerprint = public_key(key_of("dan")).fingerprint
    line = (await audited(api, "instance.ssh"))[-1]
    assert (line.actor, line.object_id) == ("dan", item["id"])
    assert line.detail == {"did": "ticket", "road": "gateway", "fingerprint": fingerprint}
    keys = (await api.ok("dan", "GET", "/ssh-keys"))["items"]
    used = {key["title"]: key["last_used_at"] for key in keys}
    assert used.pop("Second") is None
    assert all(used.values())
    assert second["last_used_at"] is None


async def test_asking_who_somebody_is_notes_nothing(make_api: MakeApi) -> None:
    """SSH clients offer keys that they then do not prove to hold."""
    api, _ = await world_with_keys(make_api)
    await is_user(api, "dan", key_of("dan"))
    (key,) = (await api.ok("dan", "GET", "/ssh-keys"))["items"]
    assert key["last_used_at"] is None


async def test_a_ticket_by_a_key_that_was_removed_meanwhile_opens_nothing(
    make_api: MakeApi,
) -> None:
    api, item = await world_with_keys(make_api)
    await add_key(api, "dan", "second")
    sealed = (await knock(api, "dan", "train")).json()["ticket"]
    first = (await api.ok("dan", "GET", "/ssh-keys"))["items"][0]
    assert first["public_key"] == key_of("dan")
    await api.ok("dan", "DELETE", f"/ssh-keys/{first['id']}")
    assert (await show(api, item, sealed)).status_code == 403
    assert await entrants(api, item) == {"dan": [key_of("second")]}


async def test_somebody_with_a_key_reaches_what_they_could_and_no_more(make_api: MakeApi) -> None:
    api, item = await world_with_keys(make_api)
    for who in ("eve", "ann", "olga", "op", "gus", "zoe"):
        for name in ("dan/train", item["id"], "../x", "-oProxyCommand=id"):
            answer = await knock(api, who, name)
            assert answer.status_code == 404, (who, name)
    await add_key(api, ADMIN)
    assert (await knock(api, ADMIN, item["id"])).status_code in (403, 404)
    await share(api, item, "eve")
    assert (await knock(api, "eve", "dan/train")).is_success


async def test_what_was_refused_to_them_is_written_down_as_theirs(make_api: MakeApi) -> None:
    api, item = await world_with_keys(make_api)
    await knock(api, "eve", "dan/train")
    await is_user(api, "dan", key_of("eve"))
    async with api.control.db.read() as session:
        query = select(AuditEntry).where(AuditEntry.outcome == "denied")
        lines = list(await session.scalars(query))
    assert [(line.actor, line.object_id, line.action) for line in lines] == [
        ("eve", item["id"], "instance.ssh")
    ]
    assert lines[0].detail == {"route": "POST /internal/gateway/tickets"}


async def test_a_stopped_one_is_started_and_asked_for_again(make_api: MakeApi) -> None:
    api, item = await world_with_keys(make_api)
    await api.ok("dan", "POST", f"/instances/{item['id']}/stop")
    await end(api.control, item["id"], InstanceState.STOPPED)
    assert (await knock(api, "dan", "train")).status_code == 409
    for _ in range(3):
        answer = await knock(api, "dan", "train", start=True)
        assert (answer.status_code, answer.json()["ticket"]) == (200, None)
    starts = [e for e in await audited(api, "instance.use.own") if e.detail["did"] == "start"]
    assert [(each.actor, each.object_id) for each in starts] == [("dan", item["id"])]
    assert (await row(api, item["id"])).desired == "running"


async def test_the_instances_are_those_that_they_may_enter(make_api: MakeApi) -> None:
    api, item = await world_with_keys(make_api)
    await up(api, "eve", name="mine")
    looked = await up(api, "dan", name="looked")
    await up(api, "dan", name="hidden")
    await share(api, item, "eve")
    await share(api, looked, "eve", "view")
    answer = await gateway(api, "instances", username="eve", public_key=key_of("eve"))
    found = {(each["owner"], each["name"]): each["access"] for each in answer.json()}
    assert found == {("eve", "mine"): None, ("dan", "train"): "full"}
    assert all(each["ssh"] for each in answer.json())
    await put(api, ADMIN, "team", "eve", "guest")
    answer = await gateway(api, "instances", username="eve", public_key=key_of("eve"))
    assert answer.json() == []


async def test_bodies_are_closed(make_api: MakeApi) -> None:
    api, _ = await world_with_keys(make_api)
    body = {"username": "dan", "public_key": key_of("dan"), "admin": True}
    assert (await gateway(api, "users", **body)).status_code == 422
    assert (await knock(api, "dan", "train", scope="all")).status_code == 422


async def test_the_proxy_command_can_be_had_without_a_login(make_api: MakeApi) -> None:
    api, _ = await world_with_keys(make_api)
    answer = await api._http.get("/services/dsw/downloads/dsw-ssh-proxy.py")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/x-python")
    assert answer.headers["content-disposition"] == 'attachment; filename="dsw-ssh-proxy.py"'
    compile(answer.text, "dsw-ssh-proxy.py", "exec")
    outside = await api._http.get("/services/dsw/downloads/..%2Fssh.py")
    assert outside.status_code == 404
