"""Membership that follows the hub: its groups, and its users who are deleted."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs
from tests.dsw_control.apis import ADMIN, Api
from tests.dsw_control.conftest import MakeApi
from tests.dsw_control.teams import audited, create, put, row, runs, team

from dsw_control.store.tables import Member
from dsw_control.tenancy import identities
from dsw_control.tenancy.groups import GroupSync

MAPPINGS = [
    {"group": "ml", "workspace": "team"},
    {"group": "leads", "workspace": "team", "roles": ["admin", "operator"]},
]


async def synced(api: Api, username: str) -> list[dict[str, Any]]:
    """What control did by itself to this member of `team`, as the audit log tells."""
    key = (await api.ok(ADMIN, "GET", "/workspaces/team"))["id"]
    lines = await audited(api, "member.manage")
    of_team = [line for line in lines if (line.actor, line.workspace_id) == ("control", key)]
    return [line.detail for line in of_team if line.object_id == username]


async def by_group(api: Api) -> dict[str, list[str]]:
    """The roles by group of the members who have any."""
    async with api.control.db.read() as session:
        rows = (await session.scalars(select(Member))).all()
    return {row.username: row.group_roles for row in rows if row.group_roles}


async def test_members_follow_the_groups(make_api: MakeApi) -> None:
    api = await make_api(group_mappings=MAPPINGS)
    key = await team(api, dora="guest")
    sync = GroupSync(api.control)
    api.hub.groups = {"ada": ["ml", "leads"], "bob": ["ml"], "dora": ["leads"], "eve": ["others"]}
    await sync.turn()
    assert await by_group(api) == {
        "ada": ["admin", "developer", "operator"],
        "bob": ["developer"],
        "dora": ["admin", "operator"],
    }
    assert (await api.ok("dora", "GET", "/workspaces/team"))["roles"] == [
        "admin",
        "guest",
        "operator",
    ]
    assert (await api.send("eve", "GET", "/workspaces/team")).status_code == 404
    api.hub.groups = {"ada": ["ml"], "dora": []}
    await sync.turn()
    assert await by_group(api) == {"ada": ["developer"]}
    page = await api.ok("olga", "GET", f"/workspaces/{key}/members")
    assert [item["username"] for item in page["items"]] == ["ada", "dora", "olga"]
    assert await synced(api, "bob") == [{"group_roles": ["developer"]}, {"group_roles": []}]


async def test_a_turn_without_a_change_writes_nothing(make_api: MakeApi) -> None:
    api = await make_api(group_mappings=MAPPINGS)
    await team(api)
    api.hub.groups = {"ada": ["ml"]}
    sync = GroupSync(api.control)
    for _ in range(3):
        await sync.turn()
    assert len(await synced(api, "ada")) == 1


async def test_who_leaves_a_group_loses_their_instances(make_api: MakeApi) -> None:
    api = await make_api(group_mappings=MAPPINGS)
    await team(api)
    api.hub.groups = {"ada": ["ml"]}
    sync = GroupSync(api.control)
    await sync.turn()
    item = await create(api, "ada")
    await runs(api, item["id"])
    api.hub.groups = {}
    await sync.turn()
    ended = await row(api, item["id"])
    assert (ended.desired, ended.reason) == ("stopped", "MemberRemoved")
    assert (await api.send("ada", "GET", f"/instances/{item['id']}")).status_code == 404


async def test_a_member_by_group_is_disabled_here_and_removed_there(make_api: MakeApi) -> None:
    api = await make_api(group_mappings=MAPPINGS)
    await team(api)
    api.hub.groups = {"ada": ["ml"]}
    sync = GroupSync(api.control)
    await sync.turn()
    answer = await api.send("olga", "DELETE", "/workspaces/team/members/ada")
    assert answer.status_code == 409
    assert "group" in answer.json()["detail"]
    await api.ok("olga", "PUT", "/workspaces/team/members/ada", {"roles": [], "disabled": True})
    assert (await api.send("ada", "GET", "/workspaces/team")).status_code == 404
    # Leaving the group and coming back does not undo it.
    for groups in ({}, {"ada": ["ml"]}):
        api.hub.groups = groups
        await sync.turn()
        assert (await api.send("ada", "GET", "/workspaces/team")).status_code == 404
    api.hub.groups = {}
    await sync.turn()
    await api.ok("olga", "DELETE", "/workspaces/team/members/ada")


async def test_a_hub_that_does_not_answer_changes_nothing(make_api: MakeApi) -> None:
    api = await make_api(group_mappings=MAPPINGS)
    await team(api)
    await api.ok("bob", "GET", "/me")
    api.hub.groups = {"ada": ["ml"]}
    sync = GroupSync(api.control)
    await sync.turn()
    api.hub.down = True
    await sync.turn()
    await identities.follow(api.control)
    assert await by_group(api) == {"ada": ["developer"]}
    async with api.control.db.read() as session:
        assert not (await session.scalars(select(Member).where(Member.disabled))).all()


async def test_without_mappings_nobody_is_a_member_by_group(make_api: MakeApi) -> None:
    api = await make_api(group_mappings=MAPPINGS)
    await team(api, bob="guest")
    api.hub.groups = {"ada": ["ml"], "bob": ["ml"]}
    await GroupSync(api.control).turn()
    api.control.settings = api.control.settings.model_copy(update={"group_mappings": []})
    await GroupSync(api.control).turn()
    page = await api.ok("olga", "GET", "/workspaces/team/members")
    assert [item["username"] for item in page["items"]] == ["bob", "olga"]


@pytest.mark.parametrize(
    ("mapping", "told"),
    [
        ({"group": "ml", "workspace": "nowhere"}, "nowhere"),
        ({"group": "ml", "workspace": "team", "roles": ["guest", "none"]}, "team: none"),
    ],
)
async def test_a_wrong_mapping_is_told_once(
    make_api: MakeApi, mapping: dict[str, Any], told: str
) -> None:
    api = await make_api(group_mappings=[mapping, MAPPINGS[0]])
    await team(api)
    api.hub.groups = {"ada": ["ml"]}
    sync = GroupSync(api.control)
    with capture_logs() as logs:
        for _ in range(3):
            await sync.turn()
    assert [line["name"] for line in logs] == [told]
    assert "developer" in (await by_group(api))["ada"]


async def test_a_user_deleted_at_the_hub_is_disabled_and_their_namesake_inherits_nothing(
    make_api: MakeApi,
) -> None:
    api = await make_api()
    await team(api, dora="developer", newt="developer")
    item = await create(api, "dora")
    await runs(api, item["id"])
    await identities.follow(api.control)
    assert (await row(api, item["id"])).desired == "running"
    api.hub.delete("dora")
    await identities.follow(api.control)
    ended = await row(api, item["id"])
    assert (ended.desired, ended.reason) == ("stopped", "MemberRemoved")
    page = await api.ok("olga", "GET", "/workspaces/team/members")
    disabled = {each["username"]: each["disabled"] for each in page["items"]}
    assert disabled == {"dora": True, "newt": False, "olga": False}
    (detail,) = await synced(api, "dora")
    assert detail == {"disabled": True, "why": "The hub knows this user no more."}
    api.hub.deleted.clear()
    assert (await api.ok("dora", "GET", "/workspaces"))["items"] == []
    await put(api, "olga", "team", "dora", "developer")
    assert (await api.ok("dora", "GET", "/workspaces/team"))["roles"] == ["developer"]


async def test_members_who_have_never_come_are_not_taken_for_deleted(make_api: MakeApi) -> None:
    api = await make_api()
    await team(api, newt="developer")
    await identities.follow(api.control)
    page = await api.ok(ADMIN, "GET", "/workspaces/team/members")
    assert not any(item["disabled"] for item in page["items"])
