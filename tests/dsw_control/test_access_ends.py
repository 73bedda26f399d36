"""Access that ends while a session is open: tokens, and streams of events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from fastapi.sse import ServerSentEvent
from tests.dsw_control.apis import ADMIN, Api
from tests.dsw_control.conftest import MakeApi
from tests.dsw_control.teams import create, put, row, team
from tests.stub_hub import user_token

from dsw.errors import NotAuthenticated
from dsw.images import ImageSource, Visibility
from dsw_control import auth, instances
from dsw_control.api import streams
from dsw_control.api.streams import Ask, everything_stream, object_stream
from dsw_control.auth import Caller
from dsw_control.history import add_event, tell, tell_gone
from dsw_control.store.tables import Image, Instance

WITHIN = 5
"""Seconds in which access ends."""


def test_what_is_kept_of_a_callers_rights_is_kept_for_less_than_that() -> None:
    assert auth.CACHE_SECONDS + streams.RECHECK < WITHIN


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is kept."""
    monkeypatch.setattr(streams, "RECHECK", -1.0)
    monkeypatch.setattr(auth, "CACHE_SECONDS", -1.0)


def asker(api: Api, who: str) -> Ask:
    """What a stream asks again and again: whose token it is."""
    token = user_token(who)["Authorization"].removeprefix("Bearer ")

    async def ask() -> Caller:
        return await api.control.auth.caller(token)

    return ask


async def listen(api: Api, who: str, everybody: bool = False) -> AsyncIterator[ServerSentEvent]:
    """The stream of everything as this user gets it, listening already."""
    stream = everything_stream(api.control, asker(api, who), everybody)
    assert (await anext(stream)).comment == "listening"
    return stream


async def seen(api: Api, *streams_: AsyncIterator[ServerSentEvent]) -> list[list[str]]:
    """What has come on each stream: the names of objects, and ids of what is gone."""
    tell(api.control, an_image(api, "fence", None, None, Visibility.PUBLIC))
    found = []
    for stream in streams_:
        names: list[str] = []
        async with asyncio.timeout(WITHIN):
            async for event in stream:
                content = json.loads(event.raw_data or "{}")
                if content.get("name") == "fence":
                    break
                names.append(content.get("name", content["id"]))
        found.append(names)
    return found


def an_image(
    api: Api, name: str, owner: str | None, workspace: str | None, visibility: str
) -> Image:
    """An image as the catalog has it."""
    return Image(
        id="img-aaaaaaaaaaaa",
        name=name,
        description="",
        source=ImageSource.SNAPSHOT,
        owner=owner,
        workspace_id=workspace,
        visibility=visibility,
        labels={},
        apps=[],
        reference="",
        digest="",
        platform="",
        use="unknown",
        available=True,
        created_at=api.control.clock(),
    )


@pytest.mark.usefixtures("at_once")
async def test_the_stream_shows_ones_own_and_to_readers_all(make_api: MakeApi) -> None:
    api = await make_api()
    await team(api, dora="developer", oper="operator", gina="guest")
    await team(api, "other", bob="developer")
    asked = [("dora", False), ("dora", True), ("oper", False), ("oper", True), ("gina", True)]
    asked += [(ADMIN, False), (ADMIN, True)]
    listening = [await listen(api, *each) for each in asked]
    await create(api, "dora", name="one", start=False)
    await create(api, "bob", "other", name="two", start=False)
    assert await seen(api, *listening) == [
        ["one"],
        ["one"],
        [],
        ["one"],
        [],
        [],
        ["one", "two"],
    ]


@pytest.mark.usefixtures("at_once")
async def test_images_reach_those_who_may_see_them(make_api: MakeApi) -> None:
    api = await make_api()
    key = await team(api, dora="developer", gina="guest", adam="admin")
    await api.ok("eve", "GET", "/me")
    who = ("dora", "gina", "adam", "eve", ADMIN)
    listening = [await listen(api, name) for name in who]
    for visibility in Visibility:
        tell(api.control, an_image(api, visibility, "dora", key, visibility))
    tell_gone(api.control, an_image(api, "x", "dora", key, Visibility.PRIVATE))
    everything = ["private", "workspace", "public", "img-aaaaaaaaaaaa"]
    assert await seen(api, *listening) == [
        everything,
        ["workspace", "public"],
        everything,
        ["public"],
        everything,
    ]


@pytest.mark.usefixtures("at_once")
async def test_an_open_stream_shows_nothing_more_to_a_removed_member(make_api: MakeApi) -> None:
    api = await make_api()
    await team(api, dora="developer", oper="operator", bob="developer")
    item = await create(api, "dora", name="one", start=False)
    own, reader = await listen(api, "dora"), await listen(api, "oper", everybody=True)
    for name in ("dora", "oper"):
        await api.ok("olga", "DELETE", f"/workspaces/team/members/{name}")
    tell(api.control, await row(api, item["id"]))
    await create(api, "bob", name="two", start=False)
    assert await seen(api, own, reader) == [[], []]
    await put(api, "olga", "team", "oper", "operator")
    tell(api.control, await row(api, item["id"]))
    assert await seen(api, own, reader) == [[], ["one"]]


@pytest.mark.usefixtures("at_once")
async def test_an_open_stream_ends_with_the_token(make_api: MakeApi) -> None:
    api = await make_api()
    await team(api, dora="developer")
    item = await create(api, "dora", name="one", start=False)
    stream = await listen(api, "dora")
    api.hub.down = True
    tell(api.control, await row(api, item["id"]))
    async with asyncio.timeout(WITHIN):
        assert (await anext(stream)).event == "instance", "a hub that restarts cuts nobody off"
    api.hub.down = False
    api.hub.delete("dora")
    tell(api.control, await row(api, item["id"]))
    async with asyncio.timeout(WITHIN):
        assert [event async for event in stream] == []


@pytest.mark.usefixtures("at_once")
async def test_the_stream_of_one_instance_ends_with_the_membership(make_api: MakeApi) -> None:
    api = await make_api()
    await team(api, dora="developer")
    item = await create(api, "dora", start=False)
    look = instances.require_history
    stream = object_stream(api.control, item["id"], 0, asker(api, "dora"), look)
    assert (await anext(stream)).event == "event"
    await happens(api, item["id"])
    async with asyncio.timeout(WITHIN):
        assert json.loads((await anext(stream)).raw_data or "")["message"] == "It happens."
    await api.ok("olga", "DELETE", "/workspaces/team/members/dora")
    await happens(api, item["id"])
    async with asyncio.timeout(WITHIN):
        assert [event async for event in stream] == []


async def happens(api: Api, instance_id: str) -> None:
    """Something is written into the instance's history."""
    async with api.control.db.write() as session:
        found = await session.get_one(Instance, instance_id)
        found.message = "It happens."
        event = add_event(session, api.control, found)
    tell(api.control, found, event)


@pytest.mark.usefixtures("at_once")
async def test_a_token_of_a_deleted_user_is_refused(make_api: MakeApi) -> None:
    api = await make_api()
    await api.ok("dora", "GET", "/me")
    api.hub.delete("dora")
    assert (await api.send("dora", "GET", "/me")).status_code == 401
    with pytest.raises(NotAuthenticated):
        await asker(api, "dora")()


@pytest.mark.usefixtures("at_once")
async def test_who_is_no_administrator_any_more_acts_as_none(make_api: MakeApi) -> None:
    api = await make_api()
    await team(api)
    assert (await api.ok(ADMIN, "GET", "/me"))["admin"]
    api.hub.admins.clear()
    assert (await api.send(ADMIN, "GET", "/workspaces/team")).status_code == 404
