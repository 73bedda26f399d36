"""Members over the API: who gives whom which roles, and what their end brings."""

from __future__ import annotations

import asyncio
import re

import pytest
from sqlalchemy.ext.asyncio import AsyncSession
from tests.dsw_control.apis import ADMIN
from tests.dsw_control.conftest import MakeApi
from tests.dsw_control.teams import audited, create, image, members, put, row, runs, team

from dsw.errors import Conflict
from dsw.plan import PlanRequest
from dsw.workspaces import MemberPut
from dsw_control.auth import Caller
from dsw_control.instance_rows import new_row
from dsw_control.plans import make_plan
from dsw_control.store.tables import Workspace
from dsw_control.tenancy.members import put_member, remove_member
from dsw_control.tenancy.workspaces import by_name


async def test_an_admin_adds_changes_and_removes_members(make_api: MakeApi) -> None:
    api = await make_api()
    key = await team(api, adam="admin")
    added = await put(api, "adam", "team", "dora", ["developer", "labeler", "developer"])
    assert (added["roles"], added["added_by"]) == (["developer", "labeler"], "adam")
    await put(api, "adam", "team", "dora", "guest")
    assert (await members(api))["dora"] == ["guest"]
    await api.ok("adam", "DELETE", "/workspaces/team/members/dora")
    assert "dora" not in await members(api)
    answer = await api.send("adam", "DELETE", "/workspaces/team/members/dora")
    assert answer.status_code == 404
    lines = [line for line in await audited(api, "member.manage") if line.actor == "adam"]
    assert [line.detail for line in lines] == [
        {"roles": ["developer", "labeler"], "disabled": False},
        {"roles": ["guest"], "disabled": False},
        {"removed": True},
    ]
    assert {(line.object_id, line.workspace_id) for line in lines} == {("dora", key)}


@pytest.mark.parametrize("who", ["dora", "oper", "lab", "gina"])
async def test_those_who_do_not_manage_members_change_none(make_api: MakeApi, who: str) -> None:
    api = await make_api()
    await team(api, dora="developer", oper="operator", lab="labeler", gina="guest")
    before = await members(api)
    for name in (who, "eve"):
        path = f"/workspaces/team/members/{name}"
        for roles in (["guest"], ["admin"], ["owner"]):
            answer = await api.send(who, "PUT", path, {"roles": roles})
            assert answer.status_code == 403, answer.text
        assert (await api.send(who, "DELETE", path)).status_code == 403
    assert await members(api) == before


async def test_an_admin_makes_no_owner_and_changes_none(make_api: MakeApi) -> None:
    api = await make_api()
    await team(api, adam="admin")
    before = await members(api)
    attempts = [
        ("PUT", "adam", {"roles": ["owner"]}),
        ("PUT", "adam", {"roles": ["admin", "owner"]}),
        ("PUT", "eve", {"roles": ["owner"]}),
        ("PUT", "olga", {"roles": ["guest"]}),
        ("PUT", "olga", {"roles": ["owner"], "disabled": True}),
        ("DELETE", "olga", None),
    ]
    for method, name, body in attempts:
        answer = await api.send("adam", method, f"/workspaces/team/members/{name}", body)
        assert answer.status_code == 403, (method, name, answer.text)
        assert "owner" in answer.json()["detail"]
    assert await members(api) == before
    answer = await api.send("adam", "PUT", "/workspaces/team/roles/mine", {"actions": []})
    assert answer.status_code == 403


async def test_nobody_gives_or_takes_what_they_lack(make_api: MakeApi) -> None:
    api = await make_api()
    await team(api, adam="admin", dora="developer")
    path = "/workspaces/team/roles"
    await api.ok("olga", "PUT", f"{path}/recruiter", {"actions": ["member.manage", "me.read"]})
    await api.ok("olga", "PUT", f"{path}/reader", {"actions": ["me.read"]})
    await put(api, "olga", "team", "rita", "recruiter")
    await put(api, "rita", "team", "eve", "reader")
    await put(api, "rita", "team", "eve", "recruiter")
    for roles in (["developer"], ["admin"], ["reader", "guest"]):
        answer = await api.send("rita", "PUT", "/workspaces/team/members/eve", {"roles": roles})
        assert answer.status_code == 403
        assert "may not do yourself" in answer.json()["detail"]
    for name in ("dora", "adam"):
        answer = await api.send("rita", "DELETE", f"/workspaces/team/members/{name}")
        assert answer.status_code == 403
        assert "more here than you" in answer.json()["detail"]
    answer = await api.send("rita", "PUT", "/workspaces/team/members/rita", {"roles": ["admin"]})
    assert answer.status_code == 403


async def test_the_last_owner_stays_unless_a_platform_administrator_says_so(
    make_api: MakeApi,
) -> None:
    api = await make_api()
    await team(api, zoe=["owner", "guest"])
    await put(api, "olga", "team", "zoe", "owner", disabled=True)
    path = "/workspaces/team/members/olga"
    bodies = [{"roles": ["admin"]}, {"roles": ["owner"], "disabled": True}]
    answers = [await api.send("olga", "PUT", path, body) for body in bodies]
    answers.append(await api.send("olga", "DELETE", path))
    for answer in answers:
        assert answer.status_code == 409, answer.text
        assert "last owner" in answer.json()["detail"]
    await put(api, "olga", "team", "zoe", "owner")
    await put(api, "olga", "team", "olga", "guest")
    await api.ok(ADMIN, "DELETE", "/workspaces/team/members/zoe")
    assert await members(api) == {"olga": ["guest"]}


async def test_two_last_owners_who_leave_at_once_do_not_both_succeed(
    make_api: MakeApi,
) -> None:
    api = await make_api()
    await team(api, zoe="owner")
    done = await asyncio.gather(
        remove_member(api.control, Caller(name="olga"), "team", "olga"),
        remove_member(api.control, Caller(name="zoe"), "team", "zoe"),
        return_exceptions=True,
    )
    assert {type(one) for one in done} == {type(None), Conflict}
    assert len(await members(api)) == 1


async def test_roles_that_there_are_not_are_refused_with_those_that_there_are(
    make_api: MakeApi,
) -> None:
    api = await make_api()
    await team(api)
    await team(api, "other")
    await api.ok("olga", "PUT", "/workspaces/other/roles/theirs", {"actions": []})
    await api.ok("olga", "PUT", "/workspaces/team/roles/ours", {"actions": []})
    body = {"roles": ["guest", "theirs"]}
    answer = await api.send("olga", "PUT", "/workspaces/team/members/eve", body)
    assert answer.status_code == 422
    assert "'theirs'" in answer.json()["detail"]
    assert "owner, admin, developer, operator, labeler, guest, ours" in answer.json()["detail"]
    for body in ({"roles": []}, {"roles": ["Guest"]}, {"roles": ["guest"], "group_roles": ["x"]}):
        answer = await api.send("olga", "PUT", "/workspaces/team/members/eve", body)
        assert answer.status_code == 422


@pytest.mark.parametrize("name", ["%00", "a%0Ab", "%7F", "%C2%85", "%20a", "a%20", "x" * 256])
async def test_a_name_that_no_hub_has_is_refused(make_api: MakeApi, name: str) -> None:
    api = await make_api()
    await team(api)
    answer = await api.send("olga", "PUT", f"/workspaces/team/members/{name}", {"roles": ["guest"]})
    assert answer.status_code == 422, answer.text
    assert await members(api) == {"olga": ["owner"]}


async def test_names_that_look_alike_are_different_members(make_api: MakeApi) -> None:
    api = await make_api()
    await team(api)
    latin, cyrillic = "anna", "аnna"
    composed, decomposed = "é", "e\u0301"
    roles = {latin: "guest", cyrillic: "admin", composed: "guest", decomposed: "operator"}
    for name, role in roles.items():
        await put(api, "olga", "team", name, role)
    found = await members(api)
    assert found == {"olga": ["owner"], **{name: [role] for name, role in roles.items()}}
    assert (await api.ok(latin, "GET", "/workspaces/team"))["roles"] == ["guest"]
    assert (await api.ok("Anna", "GET", "/workspaces"))["items"][0]["name"] == "default"
    assert (await api.send("ANNA", "GET", "/workspaces/team")).status_code == 404


async def test_members_are_those_of_the_one_workspace(make_api: MakeApi) -> None:
    """`a-b` in `c` and `b` in `a`, and the ids and names of a workspace that one is not in."""
    api = await make_api()
    await team(api, "a-b", c="admin")
    key = await team(api, "a", **{"b-c": "admin"})
    assert (await api.ok("c", "GET", "/workspaces"))["items"][0]["name"] == "a-b"
    assert (await api.ok("b-c", "GET", "/workspaces"))["items"][0]["name"] == "a"
    before = await members(api, "a")
    for name in ("a", key):
        for method, path, body in (
            ("GET", "members", None),
            ("PUT", "members/c", {"roles": ["guest"]}),
            ("DELETE", "members/b-c", None),
            ("GET", "roles", None),
            ("PUT", "roles/x", {"actions": []}),
            ("DELETE", "roles/x", None),
        ):
            answer = await api.send("c", method, f"/workspaces/{name}/{path}", body)
            assert answer.status_code == 404, (path, answer.text)
        answer = await api.send("c", "PATCH", f"/workspaces/{name}", {"description": "x"})
        assert answer.status_code == 404
    assert await members(api, "a") == before


async def test_two_members_whose_names_join_alike_share_no_folder_and_no_route(
    make_api: MakeApi,
) -> None:
    api = await make_api()
    plans_of = []
    pairs = [("a-b", "c", "d"), ("a", "b-c", "d"), ("a", "b", "c-d"), ("a", "b-c-d", "e")]
    pairs += [("a", "x" * 255, "f"), ("a", "аnna", "g"), ("a", "anna", "g"), ("a", "A..b", "h")]
    for name in ("a", "a-b"):
        await team(api, name)
    for workspace, owner, name in pairs:
        await put(api, "olga", workspace, owner, "developer")
        async with api.control.db.write() as session:
            item = new_row(api.control, owner, name, (await _find(session, workspace)).id)
            item.display_name, item.priority, item.resource_group = name, 5, "local"
            item.image_id, item.image_name = await image(api), "x"
            item.spec = api.control.settings.specs[0].model_dump(mode="json")
            session.add(item)
        plans_of.append(await make_plan(api.control, PlanRequest(owner=owner, name=name)))
    homes = {plan.home for plan in plans_of}
    routes = {api.control.url_of(plan.owner, plan.name) for plan in plans_of}
    assert len(homes) == len(routes) == len(pairs)
    for plan in plans_of:
        below = plan.home.removeprefix(f"{api.control.settings.nas_root}/")
        assert re.fullmatch(rf"{plan.workspace_id}/home/[a-z0-9][a-z0-9-]*", below)
    assert all(route.count("/") == 4 for route in routes)


async def _find(session: AsyncSession, name: str) -> Workspace:
    found = await by_name(session, name)
    assert found is not None
    return found


async def test_a_change_of_a_member_who_has_changed_is_refused(make_api: MakeApi) -> None:
    api = await make_api()
    await team(api)
    path = "/workspaces/team/members/eve"
    there = {"If-Match": "*"}
    guest, developer = {"roles": ["guest"]}, {"roles": ["developer"]}
    assert (await api.send("olga", "PUT", path, guest, there)).status_code == 412
    made = await api.send("olga", "PUT", path, guest)
    tag = {"If-Match": made.headers["ETag"]}
    assert (await api.send("olga", "PUT", path, developer, tag)).status_code == 200
    assert (await api.send("olga", "PUT", path, guest, tag)).status_code == 412
    assert (await api.send("olga", "DELETE", path, None, tag)).status_code == 412


@pytest.mark.parametrize(("on_removal", "desired"), [("stop", "stopped"), ("delete", "deleted")])
async def test_a_removed_member_loses_their_instances_there_as_the_policy_says(
    make_api: MakeApi, on_removal: str, desired: str
) -> None:
    api = await make_api()
    await team(api, dora="developer", bob="developer")
    await team(api, "other", dora="developer")
    body = {"policy": {"on_removal": on_removal}}
    await api.ok("olga", "PATCH", "/workspaces/team", body)
    up = await create(api, "dora", name="up")
    await runs(api, up["id"])
    at_rest = await create(api, "dora", name="rest", start=False)
    elsewhere = await create(api, "dora", "other", name="elsewhere")
    of_bob = await create(api, "bob")
    await api.ok("olga", "DELETE", "/workspaces/team/members/dora")
    ended = await row(api, up["id"])
    assert (ended.desired, ended.reason) == (desired, "MemberRemoved")
    assert ended.message == "dora is no longer a member of the workspace team."
    assert ended.state == ("Stopping" if desired == "stopped" else "Deleting")
    assert (await row(api, at_rest["id"])).desired == desired
    for item in (elsewhere, of_bob):
        assert (await row(api, item["id"])).desired == "running"
    for method, path in (("GET", ""), ("POST", "/start"), ("GET", "/events"), ("DELETE", "")):
        answer = await api.send("dora", method, f"/instances/{up['id']}{path}")
        assert answer.status_code == 404, (method, path)
    listed = [item["id"] for item in (await api.ok("dora", "GET", "/instances"))["items"]]
    assert listed == [elsewhere["id"]]


@pytest.mark.parametrize(
    "body", [{"roles": ["developer"], "disabled": True}, {"roles": ["guest", "operator"]}]
)
async def test_who_is_disabled_or_loses_the_role_keeps_the_stopped_instance(
    make_api: MakeApi, body: dict[str, object]
) -> None:
    api = await make_api()
    await team(api, dora="developer")
    await api.ok("olga", "PATCH", "/workspaces/team", {"policy": {"on_removal": "delete"}})
    up = await create(api, "dora")
    await runs(api, up["id"])
    await api.ok("olga", "PUT", "/workspaces/team/members/dora", body)
    ended = await row(api, up["id"])
    assert (ended.desired, ended.reason) == ("stopped", "MemberRemoved")
    assert "dora" in ended.message
    assert (await api.send("dora", "POST", f"/instances/{up['id']}/start")).status_code in (
        403,
        404,
    )
    await put(api, "olga", "team", "dora", ["developer"])
    assert (await api.ok("dora", "GET", f"/instances/{up['id']}"))["name"] == up["name"]


async def test_a_queued_instance_of_a_removed_member_leaves_the_queue(make_api: MakeApi) -> None:
    api = await make_api(quota={"limits": {"instances": 1}})
    await team(api, dora="developer", bob="developer")
    await create(api, "bob")
    waiting = await create(api, "dora")
    assert waiting["state"] == "Queuing"
    await api.ok("olga", "DELETE", "/workspaces/team/members/dora")
    assert (await row(api, waiting["id"])).state == "Stopping"
    queue = await api.ok("olga", "GET", "/queue?workspace=team")
    assert queue["items"] == []


async def test_a_start_and_a_removal_at_once_leave_nothing_running(make_api: MakeApi) -> None:
    api = await make_api()
    await team(api, dora="developer")
    items = [await create(api, "dora", start=False) for _ in range(4)]
    await asyncio.gather(
        *(api.send("dora", "POST", f"/instances/{item['id']}/start") for item in items),
        remove_member(api.control, Caller(name="olga"), "team", "dora"),
    )
    assert {(await row(api, item["id"])).desired for item in items} == {"stopped"}


async def test_the_same_put_again_changes_nothing(make_api: MakeApi) -> None:
    api = await make_api()
    await team(api, dora="developer")
    item = await create(api, "dora")
    for _ in range(2):
        body = MemberPut(roles=["developer"])
        await put_member(api.control, Caller(name="olga"), "team", "dora", body)
    assert (await row(api, item["id"])).desired == "running"
