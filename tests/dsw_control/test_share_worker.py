"""The hub comes to agree with the shares, whatever fails in between."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from tests.dsw_control.apis import ADMIN, Api
from tests.dsw_control.conftest import MakeApi
from tests.dsw_control.teams import create, put, row, team
from tests.stub_hub import instance_token

from dsw_control.share_worker import LATER, ShareWorker
from dsw_control.store.tables import ShareGrant


async def running_world(make_api: MakeApi) -> tuple[Api, Any, ShareWorker]:
    """An instance of `dan` whose server is up and has asked whom it may let in."""
    api: Api = await make_api()
    await team(api, dan="developer", eve="developer", gus="guest")
    for name in ("dan", "eve", "gus"):
        await api.ok(name, "GET", "/me")
    item = await create(api, "dan", display_name="Train")
    await goes_up(api, item)
    return api, item, ShareWorker(api.control)


async def goes_up(api: Api, item: Any) -> None:
    """The hub has the server, and the server asks."""
    api.hub.servers.setdefault(item["owner"], {})[item["name"]] = {"name": item["name"]}
    await asks(api, item)


async def asks(api: Api, item: Any) -> None:
    inner = instance_token(item["owner"], item["name"])
    await api.ok(inner, "GET", f"/instances/{item['id']}/visitors")


async def share(api: Api, item: Any, user: str | None = None) -> Any:
    body = {"user": user, "access": "view"}
    return await api.ok(item["owner"], "PUT", f"/instances/{item['id']}/shares", body)


def at_hub(api: Api, item: Any) -> set[str]:
    """Who may enter the server, as the hub has it."""
    return {whom for _, whom in api.hub.shares.get(f"{item['owner']}/{item['name']}", set())}


async def grants(api: Api) -> dict[str, bool]:
    """Who is written down, and whether the hub agreed."""
    async with api.control.db.read() as session:
        rows = (await session.scalars(select(ShareGrant))).all()
    return {one.username: one.granted_at is not None for one in rows}


async def active(api: Api, item: Any) -> dict[str | None, bool]:
    page = await api.ok(item["owner"], "GET", f"/instances/{item['id']}/shares")
    return {one["user"]: one["active"] for one in page["items"]}


async def test_visitors_are_let_in_and_out(make_api: MakeApi) -> None:
    api, item, worker = await running_world(make_api)
    made = await share(api, item, "eve")
    await share(api, item)
    assert await active(api, item) == {"eve": False, None: False}
    await worker.turn()
    assert at_hub(api, item) == {"eve", "gus"}, "olga was never here"
    assert await active(api, item) == {"eve": True, None: True}
    await api.ok("olga", "GET", "/me")
    await worker.turn()
    assert at_hub(api, item) == {"eve", "gus", "olga"}
    everybody = next(
        one
        for one in (await api.ok("dan", "GET", f"/instances/{item['id']}/shares"))["items"]
        if one["user"] is None
    )
    await api.ok("dan", "DELETE", f"/instances/{item['id']}/shares/{everybody['id']}")
    await worker.turn()
    assert at_hub(api, item) == {"eve"}
    await api.ok("dan", "DELETE", f"/instances/{item['id']}/shares/{made['id']}")
    await worker.turn()
    assert (at_hub(api, item), await grants(api)) == (set(), {})


async def test_nothing_is_asked_of_the_hub_twice(make_api: MakeApi) -> None:
    api, item, worker = await running_world(make_api)
    await share(api, item)
    await worker.turn()
    asked = list(api.hub.asked)
    await worker.turn()
    await ShareWorker(api.control).turn()
    assert api.hub.asked == asked


async def test_a_server_that_never_asked_is_shared_with_nobody(make_api: MakeApi) -> None:
    api, item, worker = await running_world(make_api)
    await share(api, item, "eve")
    await worker.turn()
    async with api.control.db.write() as session:
        changed = await session.merge(await row(api, item["id"]))
        changed.image_id = "img-aaaaaaaaaaaa"
    await worker.turn()
    assert at_hub(api, item) == set(), "another image may have a server that lets viewers write"
    assert await active(api, item) == {"eve": False}
    await asks(api, item)
    await worker.turn()
    assert at_hub(api, item) == {"eve"}


@pytest.mark.parametrize("leaving", ["removed", "disabled", "archived"])
async def test_who_is_no_member_any_more_is_let_in_no_more(make_api: MakeApi, leaving: str) -> None:
    api, item, worker = await running_world(make_api)
    await share(api, item, "eve")
    await share(api, item, "gus")
    await worker.turn()
    if leaving == "removed":
        await api.ok(ADMIN, "DELETE", "/workspaces/team/members/eve")
    elif leaving == "disabled":
        await put(api, ADMIN, "team", "eve", "developer", disabled=True)
    else:
        await api.ok(ADMIN, "PATCH", "/workspaces/team", {"archived": True})
    await worker.turn()
    assert at_hub(api, item) == ({"gus"} if leaving != "archived" else set())


async def test_what_was_half_done_when_control_ended_is_done_again(make_api: MakeApi) -> None:
    api, item, worker = await running_world(make_api)
    made = await share(api, item)
    async with api.control.db.write() as session:
        session.add(ShareGrant(instance_id=item["id"], username="eve"))
    await worker.turn()
    assert await grants(api) == {"eve": True, "gus": True}
    # Told to the hub, not yet written down that it agreed, and not wanted any more.
    async with api.control.db.write() as session:
        for one in await session.scalars(select(ShareGrant)):
            one.granted_at = None
    await api.ok("dan", "DELETE", f"/instances/{item['id']}/shares/{made['id']}")
    await ShareWorker(api.control).turn()
    assert (at_hub(api, item), await grants(api)) == (set(), {})


async def test_shares_wait_for_a_hub_that_is_down(make_api: MakeApi) -> None:
    api, item, worker = await running_world(make_api)
    await share(api, item, "eve")
    api.hub.down = True
    await worker.turn()
    assert await active(api, item) == {"eve": False}
    api.hub.down = False
    await worker.turn()
    assert at_hub(api, item) == {"eve"}


async def test_a_refusal_holds_nobody_else_up_and_is_tried_again(make_api: MakeApi) -> None:
    api, item, worker = await running_world(make_api)
    api.hub.delete("eve")
    await share(api, item)
    await worker.turn()
    assert at_hub(api, item) == {"gus"}
    api.hub.servers["eve"] = {}
    await worker.turn()
    assert at_hub(api, item) == {"gus"}
    now = api.control.clock()
    api.control.clock = lambda: now + LATER + timedelta(seconds=1)
    await worker.turn()
    assert at_hub(api, item) == {"eve", "gus"}


async def test_an_instance_of_the_same_name_is_not_shared_like_the_deleted_one(
    make_api: MakeApi,
) -> None:
    api, item, worker = await running_world(make_api)
    await share(api, item, "eve")
    await share(api, item, "gus")
    await worker.turn()
    async with api.control.db.write() as session:
        (await session.merge(await row(api, item["id"]))).deleted_at = api.control.clock()
    del api.hub.servers["dan"][item["name"]]
    api.hub.shares.clear()
    again = await create(api, "dan", display_name="Train")
    assert again["name"] == item["name"]
    await goes_up(api, again)
    await share(api, again, "eve")
    await worker.turn()
    assert at_hub(api, again) == {"eve"}
    assert await grants(api) == {"eve": True}


async def test_the_check_mends_what_changed_behind_controls_back(make_api: MakeApi) -> None:
    api, item, worker = await running_world(make_api)
    await share(api, item, "eve")
    await worker.turn()
    key = f"dan/{item['name']}"
    api.hub.shares[key] = {("user", "mallory"), ("group", "everyone")}
    await worker.check()
    await worker.turn()
    assert api.hub.shares[key] == {("user", "eve")}
    asked = list(api.hub.asked)
    await worker.check()
    assert api.hub.asked == asked


async def test_the_check_takes_some_owners_at_a_time(
    make_api: MakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dsw_control.share_worker.OWNERS", 1)
    api, item, worker = await running_world(make_api)
    other = await create(api, "eve", display_name="Other")
    await goes_up(api, other)
    for one in (item, other):
        await share(api, one, "gus")
    await worker.turn()
    api.hub.shares.clear()
    found = []
    for _ in range(4):
        await worker.check()
        await worker.turn()
        found.append({key for key, whom in api.hub.shares.items() if whom})
    first, both = {f"dan/{item['name']}"}, {f"dan/{item['name']}", f"eve/{other['name']}"}
    assert found == [first, both, both, both]
