"""Sharing over the API: who may share with whom, what a visitor sees, and when it ends."""

from __future__ import annotations

from typing import Any

import pytest
from tests.dsw_control.apis import ADMIN, Api
from tests.dsw_control.conftest import MakeApi
from tests.dsw_control.teams import audited, create, put, row, team
from tests.stub_hub import instance_token

from dsw.names import new_id
from dsw_control.share_worker import ShareWorker


async def shared_world(make_api: MakeApi) -> tuple[Api, Any]:
    """A workspace with all roles, everybody seen, and an instance of the developer `dan`."""
    api: Api = await make_api()
    await team(api, dan="developer", eve="developer", ann="admin", op="operator", gus="guest")
    for name in ("olga", "dan", "eve", "ann", "op", "gus", "zoe"):
        await api.ok(name, "GET", "/me")
    return api, await create(api, "dan", display_name="Train")


async def share(api: Api, item: Any, user: str | None = None, access: str = "view") -> Any:
    """A share that the owner makes."""
    path = f"/instances/{item['id']}/shares"
    return await api.ok(item["owner"], "PUT", path, {"user": user, "access": access})


async def seen(api: Api, who: str) -> dict[str, str]:
    """The instances that are shared with somebody: owner's name and their access."""
    page = await api.ok(who, "GET", "/instances?shared=true")
    return {item["owner"]: item["access"] for item in page["items"]}


async def test_a_share_is_made_listed_replaced_and_ended(make_api: MakeApi) -> None:
    api, item = await shared_world(make_api)
    path = f"/instances/{item['id']}/shares"
    made = await share(api, item, "eve")
    assert made["id"].startswith("shr-")
    assert (made["user"], made["access"], made["active"]) == ("eve", "view", False)
    assert await seen(api, "eve") == {"dan": "view"}
    again = await share(api, item, "eve", "full")
    assert again["id"] == made["id"]
    assert await seen(api, "eve") == {"dan": "full"}
    listed = (await api.ok("dan", "GET", path))["items"]
    assert [(one["user"], one["access"]) for one in listed] == [("eve", "full")]
    await api.ok("dan", "DELETE", f"{path}/{made['id']}")
    assert (await api.ok("dan", "GET", path))["items"] == []
    assert await seen(api, "eve") == {}
    lines = await audited(api, "instance.share.own")
    assert [(line.actor, line.object_id, line.detail["did"]) for line in lines] == [
        ("dan", item["id"], "share"),
        ("dan", item["id"], "share"),
        ("dan", item["id"], "end share"),
    ]


async def test_a_change_is_refused_when_the_share_is_another_by_now(make_api: MakeApi) -> None:
    api, item = await shared_world(make_api)
    path = f"/instances/{item['id']}/shares"
    body = {"user": "eve"}
    answer = await api.send("dan", "PUT", path, body, {"If-Match": "*"})
    assert answer.status_code == 412
    tag = (await api.send("dan", "PUT", path, body)).headers["ETag"]
    assert (await api.send("dan", "PUT", path, body, {"If-Match": tag})).is_success
    await share(api, item, "eve", "full")
    assert (await api.send("dan", "PUT", path, body, {"If-Match": tag})).status_code == 412
    assert await seen(api, "eve") == {"dan": "full"}


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"user": "dan"}, 422, "dan's own"),
        ({"user": "zoe"}, 422, "not a member"),
        ({"user": "nobody"}, 422, "not a member"),
        ({"user": "EVE"}, 422, "not a member"),
        ({"user": "еve"}, 422, "not a member"),  # its first letter is Cyrillic
        ({"user": "gus", "access": "full"}, 422, "do not allow to run"),
        ({"user": ""}, 422, "user"),
        ({"user": "x" * 300}, 422, "user"),
        ({"user": "eve", "access": "root"}, 422, "access"),
        ({"user": "eve", "scopes": ["shares"]}, 422, "scopes"),
        ({"group": "team"}, 422, "group"),
    ],
)
async def test_what_cannot_be_shared_is_refused_with_a_sentence(
    make_api: MakeApi, body: Any, status: int, says: str
) -> None:
    api, item = await shared_world(make_api)
    answer = await api.send("dan", "PUT", f"/instances/{item['id']}/shares", body)
    assert answer.status_code == status, answer.text
    assert says in answer.json()["detail"]
    assert (await api.ok("dan", "GET", f"/instances/{item['id']}/shares"))["items"] == []


async def test_a_member_of_another_workspace_cannot_be_let_in(make_api: MakeApi) -> None:
    api, item = await shared_world(make_api)
    await team(api, "other", oz="developer")
    await api.ok("oz", "GET", "/me")
    path = f"/instances/{item['id']}"
    answer = await api.send("dan", "PUT", f"{path}/shares", {"user": "oz"})
    assert answer.status_code == 422
    made = await share(api, item, None, "full")
    theirs = await create(api, "oz", "other")
    probes = [
        await api.send("oz", "GET", path),
        await api.send("oz", "GET", f"{path}/shares"),
        await api.send("oz", "PUT", f"{path}/shares", {"user": "oz", "access": "full"}),
        await api.send("oz", "DELETE", f"{path}/shares/{made['id']}"),
        await api.send("oz", "DELETE", f"/instances/{theirs['id']}/shares/{made['id']}"),
        await api.send("oz", "GET", f"/instances/{new_id('dsw')}/shares"),
    ]
    assert [answer.status_code for answer in probes] == [404] * len(probes)
    assert await seen(api, "oz") == {}
    assert len((await api.ok("dan", "GET", f"{path}/shares"))["items"]) == 1


@pytest.mark.parametrize(
    ("who", "status"), [("ann", 200), ("olga", 200), (ADMIN, 200), ("op", 403), ("eve", 404)]
)
async def test_others_share_it_only_when_they_manage_all_instances(
    make_api: MakeApi, who: str, status: int
) -> None:
    api, item = await shared_world(make_api)
    answer = await api.send(who, "PUT", f"/instances/{item['id']}/shares", {"user": "gus"})
    assert answer.status_code == status, answer.text
    lines = await audited(api, "instance.manage.all")
    assert [line.actor for line in lines] == ([who] if status == 200 else [])


async def test_a_role_without_the_action_cannot_share_its_own(make_api: MakeApi) -> None:
    api, item = await shared_world(make_api)
    body = {"actions": ["instance.use.own"]}
    await api.ok("olga", "PUT", "/workspaces/team/roles/alone", body)
    await put(api, ADMIN, "team", "dan", "alone")
    answer = await api.send("dan", "PUT", f"/instances/{item['id']}/shares", {"user": "eve"})
    assert answer.status_code == 403
    assert "instance.share.own" in answer.json()["detail"]


async def test_an_instances_token_shares_nothing_and_visits_nothing(make_api: MakeApi) -> None:
    api, item = await shared_world(make_api)
    other = await create(api, "eve", display_name="Other")
    await share(api, item, "eve")
    inner = instance_token("dan", item["name"])
    path = f"/instances/{item['id']}/shares"
    for method, where in (("GET", path), ("PUT", path), ("DELETE", f"{path}/{new_id('shr')}")):
        answer = await api.send(inner, method, where, {"user": "eve"} if method == "PUT" else None)
        assert answer.status_code == 403, (method, answer.text)
    visiting = instance_token("eve", other["name"])
    assert (await api.send(visiting, "GET", f"/instances/{item['id']}")).status_code == 404
    assert (await api.ok(visiting, "GET", "/instances?shared=true"))["items"] == []


async def test_a_visitor_sees_the_instance_and_nothing_else_of_it(make_api: MakeApi) -> None:
    api, item = await shared_world(make_api)
    path = f"/instances/{item['id']}"
    await share(api, item, "eve", "full")
    view = await api.ok("eve", "GET", path)
    assert (view["owner"], view["access"], view["url"]) == ("dan", "full", item["url"])
    assert (await api.ok("dan", "GET", path))["access"] is None
    attempts = [
        await api.send("eve", "GET", f"{path}/events"),
        await api.send("eve", "GET", f"{path}/events/stream"),
        await api.send("eve", "GET", f"{path}/shares"),
        await api.send("eve", "PUT", f"{path}/shares", {"user": "eve", "access": "full"}),
        await api.send("eve", "POST", f"{path}/start"),
        await api.send("eve", "POST", f"{path}/stop"),
        await api.send("eve", "PATCH", path, {"display_name": "Mine"}),
        await api.send("eve", "DELETE", path),
        await api.send("eve", "POST", f"{path}/snapshots", {"name": "mine"}),
    ]
    assert [answer.status_code for answer in attempts] == [404] * len(attempts)
    assert (await api.send("eve", "GET", f"{path}/visitors")).status_code == 403
    assert (await api.ok("eve", "GET", f"/snapshots?instance={item['id']}"))["items"] == []
    assert (await api.ok("eve", "GET", "/instances"))["items"] == []
    assert (await row(api, item["id"])).display_name == "Train"


async def test_a_share_with_the_workspace_follows_its_members(make_api: MakeApi) -> None:
    api, item = await shared_world(make_api)
    await share(api, item, None, "full")
    await share(api, item, "eve", "view")
    assert await seen(api, "eve") == {"dan": "full"}, "the strongest counts"
    assert await seen(api, "gus") == {"dan": "view"}, "a guest's role allows to run nothing"
    assert await seen(api, "dan") == {}
    assert await seen(api, "zoe") == {}
    await put(api, ADMIN, "team", "zoe", "developer")
    assert await seen(api, "zoe") == {"dan": "full"}
    await put(api, ADMIN, "team", "zoe", "developer", disabled=True)
    assert await seen(api, "zoe") == {}
    assert (await api.send("zoe", "GET", f"/instances/{item['id']}")).status_code == 404
    await put(api, ADMIN, "team", "zoe", "labeler")
    assert await seen(api, "zoe") == {"dan": "view"}
    await api.ok(ADMIN, "DELETE", "/workspaces/team/members/zoe")
    assert await seen(api, "zoe") == {}


async def test_shared_instances_come_in_pages(make_api: MakeApi) -> None:
    api, item = await shared_world(make_api)
    others = [await create(api, "dan", start=False, display_name=f"i{n}") for n in range(4)]
    for one in (item, *others):
        await share(api, one, "eve")
    path, names, cursor = "/instances?shared=true&limit=2", [], ""
    while cursor is not None:
        page = await api.ok("eve", "GET", path + (f"&cursor={cursor}" if cursor else ""))
        names += [one["name"] for one in page["items"]]
        cursor = page["next"]
    assert names == ["i3", "i2", "i1", "i0", item["name"]]


async def test_only_its_own_server_learns_whom_to_let_in(make_api: MakeApi) -> None:
    api, item = await shared_world(make_api)
    other = await create(api, "dan", start=False, display_name="Other")
    await share(api, item, "eve", "full")
    await share(api, item, None, "view")
    path = f"/instances/{item['id']}/visitors"
    for who in ("dan", "eve", "olga", ADMIN):
        assert (await api.send(who, "GET", path)).status_code == 403
    foreign = instance_token("dan", other["name"])
    assert (await api.send(foreign, "GET", path)).status_code == 404
    assert (await row(api, item["id"])).guarded_image is None
    access = (await api.ok(instance_token("dan", item["name"]), "GET", path))["access"]
    others = dict.fromkeys(("ann", "gus", "olga", "op"), "view")
    assert access == {"eve": "full", **others}
    assert (await row(api, item["id"])).guarded_image == item["image_id"]


async def test_nobody_visits_an_archived_workspace(make_api: MakeApi) -> None:
    api, item = await shared_world(make_api)
    await share(api, item)
    await api.ok(ADMIN, "PATCH", "/workspaces/team", {"archived": True})
    path = f"/instances/{item['id']}/visitors"
    inner = instance_token("dan", item["name"])
    assert (await api.ok(inner, "GET", path))["access"] == {}
    assert await seen(api, "eve") == {}


async def test_shares_end_with_the_users_membership_and_do_not_come_back(
    make_api: MakeApi,
) -> None:
    api, item = await shared_world(make_api)
    await share(api, item, "eve")
    await share(api, item, "gus")
    await api.ok(ADMIN, "DELETE", "/workspaces/team/members/eve")
    await ShareWorker(api.control).turn()
    await put(api, ADMIN, "team", "eve", "developer")
    listed = (await api.ok("dan", "GET", f"/instances/{item['id']}/shares"))["items"]
    assert [one["user"] for one in listed] == ["gus"]


@pytest.mark.parametrize("ending", ["owner leaves", "instance is deleted"])
async def test_shares_end_with_their_owner_and_their_instance(
    make_api: MakeApi, ending: str
) -> None:
    api, item = await shared_world(make_api)
    await share(api, item)
    await share(api, item, "eve")
    if ending == "owner leaves":
        await api.ok(ADMIN, "DELETE", "/workspaces/team/members/dan")
    else:
        async with api.control.db.write() as session:
            gone = await session.merge(await row(api, item["id"]))
            gone.deleted_at = api.control.clock()
    assert await seen(api, "eve") == {}
    await ShareWorker(api.control).turn()
    if ending == "owner leaves":
        await put(api, ADMIN, "team", "dan", "developer")
        assert (await api.ok("dan", "GET", f"/instances/{item['id']}/shares"))["items"] == []


async def test_the_instance_of_a_disabled_member_cannot_be_shared(make_api: MakeApi) -> None:
    api, item = await shared_world(make_api)
    await put(api, ADMIN, "team", "dan", "developer", disabled=True)
    answer = await api.send("ann", "PUT", f"/instances/{item['id']}/shares", {"user": "eve"})
    assert answer.status_code == 409
    assert "dan is not a member" in answer.json()["detail"]
