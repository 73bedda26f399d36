"""Public keys over the API: whose they are, how many, and when they end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import select
from tests.dsw_control.apis import ADMIN, Api
from tests.dsw_control.conftest import MakeApi
from tests.dsw_control.ssh_worlds import add_key, key_of
from tests.dsw_control.teams import audited, create, put, team
from tests.stub_hub import instance_token

from dsw.ssh import public_key
from dsw_control.ssh.keys import MOST
from dsw_control.store.tables import AuditEntry
from dsw_control.tenancy import identities


async def keys_of(api: Api, who: str) -> list[str]:
    """The titles of somebody's keys."""
    return [item["title"] for item in (await api.ok(who, "GET", "/ssh-keys"))["items"]]


async def test_keys_are_added_listed_and_removed(make_api: MakeApi) -> None:
    api = await make_api()
    made = await add_key(api, "ada", "laptop", title=" Laptop ")
    await add_key(api, "ada", "desk")
    assert made["id"].startswith("key-")
    assert made["kind"] == "ssh-ed25519"
    assert made["public_key"] == key_of("laptop")
    assert made["fingerprint"] == public_key(key_of("laptop")).fingerprint
    assert made["last_used_at"] is None
    assert await keys_of(api, "ada") == ["Laptop", public_key(key_of("desk")).fingerprint]
    assert await keys_of(api, "bob") == []
    await api.ok("ada", "DELETE", f"/ssh-keys/{made['id']}")
    assert await keys_of(api, "ada") == [public_key(key_of("desk")).fingerprint]
    assert (await api.send("ada", "DELETE", f"/ssh-keys/{made['id']}")).status_code == 404
    again = await add_key(api, "ada", "laptop")
    assert again["id"] != made["id"]


async def test_adding_and_removing_are_in_the_audit_log(make_api: MakeApi) -> None:
    api = await make_api()
    made = await add_key(api, "ada", title="Laptop")
    await api.ok("ada", "DELETE", f"/ssh-keys/{made['id']}")
    lines = await audited(api, "ssh-key.own")
    assert [(line.actor, line.object_id, line.workspace_id) for line in lines] == [
        ("ada", made["id"], None),
        ("ada", made["id"], None),
    ]
    same = {"user": "ada", "fingerprint": made["fingerprint"], "title": "Laptop"}
    assert [line.detail for line in lines] == [{"did": "add", **same}, {"did": "remove", **same}]


@pytest.mark.parametrize(
    ("comment", "title"),
    [
        ("ada@laptop", "ada@laptop"),
        ("  my  old key ", "my  old key"),
        ("a\x00b\x1b[31mc\u202e", "ab[31mc"),
        ("\x07", None),
        ("x" * 300, "x" * 100),
    ],
)
async def test_a_key_without_a_title_shows_its_comment(
    make_api: MakeApi, comment: str, title: str | None
) -> None:
    api = await make_api()
    line = f"{key_of('ada')} {comment}"
    made = await api.ok("ada", "POST", "/ssh-keys", {"public_key": line})
    assert made["title"] == (title or made["fingerprint"])
    assert made["public_key"] == key_of("ada"), "the comment goes nowhere else"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"public_key": "hello"}, "not a type of key"),
        ({"public_key": "-----BEGIN OPENSSH PRIVATE KEY-----"}, "private key"),
        ({"public_key": f"{key_of('a')}\n{key_of('b')}"}, "one line"),
        ({"public_key": f'command="sh" {key_of("a")}'}, "not a type of key"),
        ({"public_key": "x" * 20_000}, "public_key"),
        ({"public_key": ""}, "public_key"),
        ({}, "public_key"),
        ({"public_key": key_of("a"), "title": "a\nb"}, "title"),
        ({"public_key": key_of("a"), "title": "x" * 101}, "title"),
        ({"public_key": key_of("a"), "username": "bob"}, "username"),
    ],
)
async def test_what_is_no_key_is_refused(make_api: MakeApi, body: Any, says: str) -> None:
    api = await make_api()
    answer = await api.send("ada", "POST", "/ssh-keys", body)
    assert answer.status_code == 422, answer.text
    assert says in answer.json()["detail"]
    assert await keys_of(api, "ada") == []


async def test_the_same_key_twice_is_refused_with_its_title(make_api: MakeApi) -> None:
    api = await make_api()
    await add_key(api, "ada", "laptop", title="Laptop")
    body = {"public_key": f"{key_of('laptop')} other@comment", "title": "Other"}
    answer = await api.send("ada", "POST", "/ssh-keys", body)
    assert answer.status_code == 409
    assert "'Laptop'" in answer.json()["detail"]


async def test_two_users_may_have_the_same_key(make_api: MakeApi) -> None:
    """To register somebody's public key gains nothing: it opens, to those who hold its private
    half, what the one who registered it may enter. Refusing it would tell who else has it."""
    api = await make_api()
    await add_key(api, "ada", "laptop")
    await add_key(api, "mallory", "laptop", title="Not mine")
    mine = (await api.ok("mallory", "GET", "/ssh-keys"))["items"][0]
    await api.ok("mallory", "DELETE", f"/ssh-keys/{mine['id']}")
    assert len(await keys_of(api, "ada")) == 1


async def test_nobody_has_more_keys_than_allowed(make_api: MakeApi) -> None:
    api = await make_api()
    await api.ok("ada", "GET", "/me")
    bodies = [{"public_key": key_of(f"k{number}")} for number in range(MOST + 3)]
    answers = await asyncio.gather(*(api.send("ada", "POST", "/ssh-keys", body) for body in bodies))
    assert sorted(answer.status_code for answer in answers) == [201] * MOST + [409] * 3
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert f"{MOST} keys" in refused.json()["detail"]
    await add_key(api, "bob")


async def test_the_keys_of_others_cannot_be_reached(make_api: MakeApi) -> None:
    api = await make_api()
    made = await add_key(api, "ada")
    for who in ("bob", ADMIN):
        answer = await api.send(who, "DELETE", f"/ssh-keys/{made['id']}")
        assert answer.status_code == 404
        assert "There is no key" in answer.json()["detail"]
        assert (await api.ok(who, "GET", "/ssh-keys"))["items"] == []
    assert len(await keys_of(api, "ada")) == 1


async def test_an_instances_token_reaches_no_keys(make_api: MakeApi) -> None:
    """Whoever runs code in an instance would else let themselves into all others of its owner."""
    api = await make_api()
    await team(api, dan="developer")
    item = await create(api, "dan", start=False, display_name="Train")
    made = await add_key(api, "dan")
    token = instance_token("dan", item["name"])
    for method, path, body in (
        ("GET", "/ssh-keys", None),
        ("POST", "/ssh-keys", {"public_key": key_of("mallory")}),
        ("DELETE", f"/ssh-keys/{made['id']}", None),
    ):
        answer = await api.send(token, method, path, body)
        assert answer.status_code == 403, (method, answer.text)
    assert len(await keys_of(api, "dan")) == 1


async def test_the_keys_of_a_deleted_user_are_gone_before_a_namesake_comes(
    make_api: MakeApi,
) -> None:
    api = await make_api()
    made = await add_key(api, "dan", title="Laptop")
    await add_key(api, "eve")
    api.hub.delete("dan")
    # The token was good a moment ago, and is kept for as long.
    await identities.follow(api.control)
    late = await api.send("dan", "POST", "/ssh-keys", {"public_key": key_of("late")})
    assert late.status_code == 401, late.text
    api.hub.deleted.clear()
    api.control.auth.forget("user-dan")
    assert await keys_of(api, "dan") == []
    assert len(await keys_of(api, "eve")) == 1
    gone = [line for line in await audited(api, "ssh-key.own") if line.actor == "control"]
    assert [(line.object_id, line.detail["did"]) for line in gone] == [(made["id"], "remove")]


async def test_a_disabled_member_keeps_their_keys(make_api: MakeApi) -> None:
    """They are about the user, not about a workspace; what they open follows the roles."""
    api = await make_api()
    await team(api, dan="developer")
    await add_key(api, "dan")
    await put(api, ADMIN, "team", "dan", "developer", disabled=True)
    assert len(await keys_of(api, "dan")) == 1


async def test_what_was_refused_is_written_down(make_api: MakeApi) -> None:
    api = await make_api()
    made = await add_key(api, "ada")
    await api.send("bob", "DELETE", f"/ssh-keys/{made['id']}")
    await api.send("bob", "DELETE", "/ssh-keys/key-aaaabbbbcccc")
    async with api.control.db.read() as session:
        entries = [
            each for each in await session.scalars(select(AuditEntry)) if each.outcome == "denied"
        ]
    assert [(each.actor, each.object_id) for each in entries] == [("bob", made["id"])]
