"""Workspaces over the API: made, changed, archived, deleted, and seen by their members alone."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select
from tests.dsw_control.apis import ADMIN
from tests.dsw_control.conftest import MakeApi
from tests.dsw_control.teams import audited, create, put, row, runs, team
from tests.stub_hub import instance_token

from dsw.images import ImageSource, Visibility
from dsw_control.store.tables import (
    CodeSource,
    Credential,
    CustomRole,
    Image,
    Instance,
    Member,
    StorageUse,
    Workspace,
    WorkspaceQuota,
)


async def test_a_new_workspace_has_its_owner_and_the_usual_quotas(make_api: MakeApi) -> None:
    api = await make_api()
    body = {"name": "vision", "display_name": "Sehen 視覺", "owner": "olga"}
    made = await api.ok(ADMIN, "POST", "/workspaces", body)
    assert made["id"].startswith("ws-")
    assert (made["name"], made["display_name"], made["members"]) == ("vision", "Sehen 視覺", 1)
    for key in (made["id"], "vision"):
        seen = await api.ok("olga", "GET", f"/workspaces/{key}")
        assert seen["roles"] == ["owner"]
        assert "role.manage" in seen["actions"]
        assert "quota.change" not in seen["actions"]
    async with api.control.db.read() as session:
        quotas = (await session.scalars(select(WorkspaceQuota))).all()
    expected = api.control.settings.quota.model_dump(mode="json")
    assert [q.quota for q in quotas if q.workspace_id == made["id"]] == [expected]
    (line,) = await audited(api, "workspace.create")
    assert (line.actor, line.object_id, line.detail) == (ADMIN, made["id"], {"name": "vision"})


async def test_without_a_named_owner_it_is_of_who_makes_it(make_api: MakeApi) -> None:
    api = await make_api()
    await api.ok(ADMIN, "POST", "/workspaces", {"name": "own"})
    page = await api.ok(ADMIN, "GET", "/workspaces/own/members")
    assert [item["username"] for item in page["items"]] == [ADMIN]


@pytest.mark.parametrize(
    "body",
    [
        {"name": "a.b"},
        {"name": "."},
        {"name": "Vision"},
        {"name": "а"},  # a Cyrillic letter
        {"name": "x" * 31},
        {"name": "ws-aaaaaaaaaaaa"},
        {"name": "x", "owner": "a" * 300},
        {"name": "x", "owner": "a\nb"},
        {"name": "x", "owner": ".."},
        {"name": "x", "owner": "a/b"},
        {"name": "x", "policy": {"specs": {"developer": ["none"]}}},
        {"name": "x", "policy": {"max_priority": {"nobody": 3}}},
        {"name": "x", "policy": {"images": ["img-aaaaaaaaaaaa"]}},
        {"name": "x", "quota": {}},
    ],
)
async def test_a_wrong_workspace_is_refused_whole(make_api: MakeApi, body: object) -> None:
    api = await make_api()
    answer = await api.send(ADMIN, "POST", "/workspaces", body)
    assert answer.status_code == 422, answer.text
    assert len((await api.ok(ADMIN, "GET", "/workspaces"))["items"]) == 1


async def test_a_name_is_given_once(make_api: MakeApi) -> None:
    api = await make_api()
    await team(api)
    answer = await api.send(ADMIN, "POST", "/workspaces", {"name": "team"})
    assert answer.status_code == 409
    assert "'team'" in answer.json()["detail"]


async def test_a_create_that_is_sent_twice_makes_one(make_api: MakeApi) -> None:
    api = await make_api()
    once = {"Idempotency-Key": "k1"}
    answers = [
        await api.send(ADMIN, "POST", "/workspaces", {"name": "team"}, once) for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()


async def test_only_members_know_of_a_workspace(make_api: MakeApi) -> None:
    api = await make_api()
    key = await team(api, gina="guest")
    await team(api, "other")
    names = {
        who: [item["name"] for item in (await api.ok(who, "GET", "/workspaces"))["items"]]
        for who in ("gina", "olga", "eve", ADMIN)
    }
    assert names == {
        "gina": ["default", "team"],
        "olga": ["default", "other", "team"],
        "eve": ["default"],
        ADMIN: ["default", "other", "team"],
    }
    for path in (key, "team", "team/members", "team/roles"):
        assert (await api.send("eve", "GET", f"/workspaces/{path}")).status_code == 404
    await put(api, ADMIN, "team", "gina", "guest", disabled=True)
    assert (await api.send("gina", "GET", "/workspaces/team")).status_code == 404
    assert [i["name"] for i in (await api.ok("gina", "GET", "/workspaces"))["items"]] == ["default"]


async def test_a_long_list_comes_in_pages(make_api: MakeApi) -> None:
    api = await make_api()
    for name in ("c", "a", "b"):
        await team(api, name)
    first = await api.ok("olga", "GET", "/workspaces?limit=2")
    second = await api.ok("olga", "GET", f"/workspaces?limit=2&cursor={first['next']}")
    assert [item["name"] for item in first["items"] + second["items"]] == ["a", "b", "c", "default"]
    assert second["next"] is None


async def test_texts_and_policy_are_changed_by_those_who_may(make_api: MakeApi) -> None:
    api = await make_api()
    await team(api, adam="admin", dora="developer")
    policy = {"images": ["official"], "specs": {"guest": []}, "max_run_minutes": 60}
    body = {"display_name": "Team", "description": "We", "policy": policy}
    assert (await api.send("dora", "PATCH", "/workspaces/team", body)).status_code == 403
    changed = await api.ok("adam", "PATCH", "/workspaces/team", body)
    assert changed == await api.ok("adam", "GET", "/workspaces/team")
    assert (changed["display_name"], changed["description"]) == ("Team", "We")
    assert changed["policy"]["max_run_minutes"] == 60
    assert changed["policy"]["max_priority"] == {"owner": 9, "admin": 9, "operator": 9}
    (line,) = await audited(api, "policy.change")
    assert (line.actor, line.detail["policy"]["images"]) == ("adam", ["official"])
    for wrong in ({"name": "new"}, {"policy": {"specs": {"guest": ["huge"]}}}):
        assert (await api.send("adam", "PATCH", "/workspaces/team", wrong)).status_code == 422


async def test_a_change_of_what_has_changed_is_refused(make_api: MakeApi) -> None:
    api = await make_api()
    await team(api)
    tag = {"If-Match": (await api.send("olga", "GET", "/workspaces/team")).headers["ETag"]}
    path, body = "/workspaces/team", {"description": "first"}
    assert (await api.send("olga", "PATCH", path, body, tag)).status_code == 200
    assert (await api.send("olga", "PATCH", path, {"description": "x"}, tag)).status_code == 412
    assert (await api.send(ADMIN, "DELETE", path, None, tag)).status_code == 412
    assert (await api.ok("olga", "GET", path))["description"] == "first"


async def test_an_archived_workspace_is_read_only_and_nothing_runs_in_it(make_api: MakeApi) -> None:
    api = await make_api()
    await team(api, dora="developer")
    up = await create(api, "dora")
    await runs(api, up["id"])
    other = await create(api, "dora", start=False)
    answer = await api.send("olga", "PATCH", "/workspaces/team", {"archived": True})
    assert answer.status_code == 403
    await api.ok(ADMIN, "PATCH", "/workspaces/team", {"archived": True})
    now = await row(api, up["id"])
    assert (now.desired, now.state) == ("stopped", "Stopping")
    assert now.message == "The workspace team was archived."
    attempts = [
        ("dora", "POST", f"/instances/{other['id']}/start", None),
        ("dora", "DELETE", f"/instances/{other['id']}", None),
        ("olga", "PATCH", "/workspaces/team", {"description": "x"}),
        ("olga", "PUT", "/workspaces/team/members/eve", {"roles": ["guest"]}),
        ("olga", "PUT", "/workspaces/team/roles/mine", {"actions": []}),
        (ADMIN, "PUT", "/workspaces/team/members/eve", {"roles": ["guest"]}),
    ]
    for who, method, path, body in attempts:
        answer = await api.send(who, method, path, body)
        assert answer.status_code == 409, (path, answer.text)
        assert "archived" in answer.json()["detail"]
    assert (await api.ok("dora", "GET", f"/instances/{other['id']}"))["state"] == "Stopped"
    assert (await api.ok("dora", "GET", "/workspaces/team"))["archived_at"]
    assert (await api.ok("dora", "GET", "/workspaces/team/members"))["items"]
    await api.ok(ADMIN, "PATCH", "/workspaces/team", {"archived": False, "description": "again"})
    await api.ok("dora", "POST", f"/instances/{other['id']}/start")
    details = [line.detail for line in await audited(api, "workspace.archive")]
    assert details == [{"archived": True}, {"archived": False}]


async def test_a_workspace_is_deleted_when_it_is_empty(make_api: MakeApi) -> None:
    api = await make_api()
    key = await team(api, dora="developer")
    item = await create(api, "dora", start=False)
    await api.ok("olga", "PUT", "/workspaces/team/roles/mine", {"actions": []})
    moment = api.control.clock()
    rest = {"name": "x", "owner": "dora", "workspace_id": key, "created_at": moment}
    async with api.control.db.write() as session:
        session.add(StorageUse(workspace_id=key, owner="dora", size=1, measured_at=moment))
        session.add(Credential(id="cred-a", kind="git", host="h", username="", secret="s", **rest))
        session.add(CodeSource(id="code-a", url="https://h/r", ref="", directory="", **rest))
        session.add(
            Image(
                id="img-a",
                description="",
                source=ImageSource.SNAPSHOT,
                reference="r",
                digest="d",
                visibility=Visibility.PRIVATE,
                **rest,
            )
        )
    answer = await api.send(ADMIN, "DELETE", f"/workspaces/{key}")
    assert answer.status_code == 409
    assert "1 instance and 1 image and 1 code source" in answer.json()["detail"]
    async with api.control.db.write() as session:
        (await session.get_one(Image, "img-a")).retired_at = moment
        await session.delete(await session.get_one(CodeSource, "code-a"))
        (await session.get_one(Instance, item["id"])).deleted_at = moment
    await api.ok(ADMIN, "DELETE", f"/workspaces/{key}")
    assert (await api.send(ADMIN, "GET", f"/workspaces/{key}")).status_code == 404
    async with api.control.db.read() as session:
        for table in (Member, CustomRole, WorkspaceQuota, Credential, StorageUse):
            left = select(func.count()).where(table.workspace_id == key)
            assert await session.scalar(left) == 0, table


async def test_the_default_workspace_stays(make_api: MakeApi) -> None:
    api = await make_api()
    answer = await api.send(ADMIN, "DELETE", "/workspaces/default")
    assert answer.status_code == 409
    assert "default workspace" in answer.json()["detail"]


@pytest.mark.parametrize("who", ["olga", "eve"])
async def test_only_platform_administrators_make_archive_and_delete(
    make_api: MakeApi, who: str
) -> None:
    api = await make_api()
    await team(api)
    attempts = [
        await api.send(who, "POST", "/workspaces", {"name": "mine"}),
        await api.send(who, "DELETE", "/workspaces/team"),
        await api.send(who, "PATCH", "/workspaces/team", {"archived": True}),
    ]
    assert {answer.status_code for answer in attempts} <= {403, 404}
    async with api.control.db.read() as session:
        names = (await session.scalars(select(Workspace.name).order_by(Workspace.name))).all()
    assert names == ["default", "team"]


async def test_the_token_of_an_instance_reaches_no_workspace(make_api: MakeApi) -> None:
    api = await make_api()
    await team(api)
    item = await create(api, "olga")
    inner = instance_token("olga", item["name"])
    attempts = [
        ("GET", "/workspaces", None),
        ("POST", "/workspaces", {"name": "x"}),
        ("GET", "/workspaces/team", None),
        ("PATCH", "/workspaces/team", {"description": "x"}),
        ("DELETE", "/workspaces/team", None),
        ("GET", "/workspaces/team/members", None),
        ("PUT", "/workspaces/team/members/eve", {"roles": ["owner"]}),
        ("DELETE", "/workspaces/team/members/olga", None),
        ("GET", "/workspaces/team/roles", None),
        ("PUT", "/workspaces/team/roles/mine", {"actions": []}),
        ("DELETE", "/workspaces/team/roles/mine", None),
    ]
    for method, path, body in attempts:
        answer = await api.send(inner, method, path, body)
        assert answer.status_code == 403, (method, path, answer.text)
