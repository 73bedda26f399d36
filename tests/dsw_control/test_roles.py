"""Roles: the table itself, and the roles that workspaces make of the same actions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dsw_control.apis import ADMIN
from tests.dsw_control.conftest import MakeApi
from tests.dsw_control.teams import create, put, row, runs, team

from dsw.roles import PERMISSIONS, PLATFORM, READ_ONLY, Action, Role, actions_of

MAKER = ["member.manage", "role.manage", "workspace.read"]
ACTIONS = st.frozensets(st.sampled_from(sorted(Action)))


def test_an_owner_may_all_that_a_workspace_has_and_nobody_may_more() -> None:
    assert PERMISSIONS[Role.OWNER] == frozenset(Action) - PLATFORM
    assert all(actions <= PERMISSIONS[Role.OWNER] for actions in PERMISSIONS.values())
    assert not READ_ONLY & PLATFORM


def test_every_role_reads_and_only_owners_make_roles() -> None:
    for role, actions in PERMISSIONS.items():
        assert PERMISSIONS[Role.GUEST] <= actions
        assert (Action.ROLE_MANAGE in actions) is (role is Role.OWNER)
    assert PERMISSIONS[Role.GUEST] <= READ_ONLY


@given(custom=ACTIONS, roles=st.sets(st.sampled_from([*Role, "mine", "gone"])))
def test_roles_add_up_and_none_is_of_the_platform(custom: frozenset[Action], roles: set) -> None:  # type: ignore[type-arg]
    actions = actions_of(roles, {"mine": custom, "owner": frozenset(PLATFORM)})
    parts = [actions_of([role], {"mine": custom}) for role in roles]
    assert actions == frozenset().union(*parts)
    assert not actions & PLATFORM
    assert actions_of(["gone"], {"mine": custom}) == frozenset()


async def test_the_roles_of_a_workspace_are_listed_with_their_actions(make_api: MakeApi) -> None:
    api = await make_api()
    await team(api, gina="guest")
    body = {"description": "Saves", "actions": ["snapshot.own", "me.read", "me.read"]}
    made = await api.ok("olga", "PUT", "/workspaces/team/roles/saver", body)
    assert made == {
        "name": "saver",
        "description": "Saves",
        "builtin": False,
        "actions": ["me.read", "snapshot.own"],
    }
    found = (await api.ok("gina", "GET", "/workspaces/team/roles"))["items"]
    assert [item["name"] for item in found] == [*Role, "saver"]
    for item in found[:-1]:
        assert item["builtin"]
        assert set(item["actions"]) == PERMISSIONS[Role(item["name"])]
        assert item["description"]
    assert found[-1] == made


async def test_a_custom_role_allows_its_actions_and_no_others(make_api: MakeApi) -> None:
    api = await make_api()
    await team(api)
    body = {"actions": ["workspace.read", "workspace.change"]}
    await api.ok("olga", "PUT", "/workspaces/team/roles/writer", body)
    await put(api, "olga", "team", "will", "writer")
    await api.ok("will", "PATCH", "/workspaces/team", {"description": "by will"})
    answer = await api.send("will", "PATCH", "/workspaces/team", {"policy": {}})
    assert answer.status_code == 403
    assert (await api.send("will", "GET", "/workspaces/team/members")).status_code == 403


@pytest.mark.parametrize("action", sorted(PLATFORM))
async def test_no_role_has_what_is_the_platforms(make_api: MakeApi, action: str) -> None:
    api = await make_api()
    await team(api)
    for who in ("olga", ADMIN):
        body = {"actions": ["me.read", action]}
        answer = await api.send(who, "PUT", "/workspaces/team/roles/more", body)
        assert answer.status_code == 422
        assert action in answer.json()["detail"]
    assert len((await api.ok("olga", "GET", "/workspaces/team/roles"))["items"]) == len(Role)


async def test_built_in_roles_are_the_same_everywhere(make_api: MakeApi) -> None:
    api = await make_api()
    await team(api)
    for role in Role:
        path = f"/workspaces/team/roles/{role}"
        assert (await api.send("olga", "PUT", path, {"actions": []})).status_code == 409
        assert (await api.send("olga", "DELETE", path)).status_code == 409


async def test_a_role_that_somebody_has_stays(make_api: MakeApi) -> None:
    api = await make_api()
    await team(api)
    path = "/workspaces/team/roles/mine"
    await api.ok("olga", "PUT", path, {"actions": ["me.read"]})
    await put(api, "olga", "team", "eve", ["mine", "guest"], disabled=True)
    answer = await api.send("olga", "DELETE", path)
    assert answer.status_code == 409
    assert "eve" in answer.json()["detail"]
    await put(api, "olga", "team", "eve", "guest")
    await api.ok("olga", "DELETE", path)
    assert (await api.send("olga", "DELETE", path)).status_code == 404


async def test_who_makes_roles_puts_nothing_into_them_that_they_lack(make_api: MakeApi) -> None:
    api = await make_api()
    await team(api)
    path = "/workspaces/team/roles"
    await api.ok("olga", "PUT", f"{path}/strong", {"actions": ["queue.manage"]})
    await api.ok("olga", "PUT", f"{path}/maker", {"actions": MAKER})
    await put(api, "olga", "team", "mia", "maker")
    for name, actions in (("maker", [*PERMISSIONS[Role.OWNER]]), ("new", ["queue.manage"])):
        answer = await api.send("mia", "PUT", f"{path}/{name}", {"actions": actions})
        assert answer.status_code == 403
        assert "may not do yourself" in answer.json()["detail"]
    answer = await api.send("mia", "PUT", f"{path}/strong", {"actions": []})
    assert answer.status_code == 403
    await api.ok("mia", "PUT", f"{path}/new", {"actions": ["role.manage"]})
    assert (await api.ok("mia", "GET", "/workspaces/team"))["actions"] == MAKER


async def test_a_role_that_loses_instances_stops_those_of_its_members(make_api: MakeApi) -> None:
    api = await make_api()
    await team(api, bob="developer")
    path = "/workspaces/team/roles/runner"
    actions = [*sorted(PERMISSIONS[Role.DEVELOPER])]
    await api.ok("olga", "PUT", path, {"actions": actions})
    await put(api, "olga", "team", "rosa", "runner")
    items = {who: await create(api, who) for who in ("rosa", "bob")}
    for item in items.values():
        await runs(api, item["id"])
    await api.ok("olga", "PUT", path, {"actions": ["me.read"]})
    assert (await row(api, items["rosa"]["id"])).desired == "stopped"
    assert (await row(api, items["bob"]["id"])).desired == "running"


@pytest.mark.parametrize("name", ["Mine", "1a", "a.b", "x" * 31, "%00"])
async def test_a_roles_name_is_a_word(make_api: MakeApi, name: str) -> None:
    api = await make_api()
    await team(api)
    answer = await api.send("olga", "PUT", f"/workspaces/team/roles/{name}", {"actions": []})
    assert answer.status_code == 422


async def test_a_workspace_has_a_hundred_roles_at_most(make_api: MakeApi) -> None:
    api = await make_api()
    await team(api)
    for number in range(101):
        path = f"/workspaces/team/roles/r{number}"
        answer = await api.send("olga", "PUT", path, {"actions": []})
        assert answer.status_code == (200 if number < 100 else 409)
    await api.ok("olga", "PUT", "/workspaces/team/roles/r1", {"actions": ["me.read"]})
