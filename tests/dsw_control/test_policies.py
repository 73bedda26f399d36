"""Policies: what a start may choose, and how long it may run."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.dsw_control.apis import ADMIN, Api
from tests.dsw_control.conftest import MakeApi
from tests.dsw_control.teams import audited, create, image, put, row, runs, team

from dsw.errors import Conflict, Forbidden
from dsw.images import ImageSource
from dsw.plan import PlanRequest
from dsw.specs import Spec
from dsw.workspaces import Policy
from dsw_control import plans
from dsw_control.store.tables import Image, Workspace
from dsw_control.tenancy import run_limits
from dsw_control.tenancy.policies import check_choice, check_start

SMALL, LARGE = Spec(name="small", cpu=1, memory=2**30), Spec(name="large", cpu=8, memory=2**34)
OFFICIAL = Image(id="img-aaaaaaaaaaaa", name="base", source=ImageSource.OFFICIAL)
SAVED = Image(id="img-bbbbbbbbbbbb", name="mine", source=ImageSource.SNAPSHOT)
ONLY = {"developer": ["small"], "guest": []}


@pytest.mark.parametrize(
    ("policy", "roles", "spec", "chosen", "priority", "refusal"),
    [
        ({}, {"developer"}, LARGE, SAVED, 5, None),
        ({}, {"developer"}, LARGE, SAVED, 6, "Priority 6"),
        ({}, {"developer", "operator"}, LARGE, SAVED, 9, None),
        ({"max_priority": {"developer": 2}}, {"developer"}, SMALL, SAVED, 3, "Ask for 2 or less"),
        ({"max_priority": {"developer": 2}}, {"developer", "mine"}, SMALL, SAVED, 5, None),
        ({"images": ["official"]}, {"owner"}, SMALL, OFFICIAL, None, None),
        ({"images": ["official"]}, {"owner"}, SMALL, SAVED, None, "'mine' is not allowed"),
        ({"images": [SAVED.id]}, {"owner"}, SMALL, SAVED, None, None),
        ({"images": [SAVED.id]}, {"owner"}, SMALL, OFFICIAL, None, SAVED.id),
        ({"images": ["custom", "snapshot"]}, {"owner"}, SMALL, SAVED, None, None),
        ({"specs": ONLY}, {"developer"}, SMALL, SAVED, None, None),
        ({"specs": ONLY}, {"developer"}, LARGE, SAVED, None, "It allows: small."),
        ({"specs": ONLY}, {"developer", "guest"}, SMALL, SAVED, None, None),
        ({"specs": ONLY}, {"guest"}, SMALL, SAVED, None, "It allows: none."),
        ({"specs": ONLY}, {"developer", "admin"}, LARGE, SAVED, None, None),
        ({"specs": {"admin": ["large"]}}, {"developer"}, LARGE, SAVED, None, None),
    ],
)
def test_a_policy_allows_what_it_says(
    policy: dict[str, Any],
    roles: set[str],
    spec: Spec,
    chosen: Image,
    priority: int | None,
    refusal: str | None,
) -> None:
    asked = (Policy.model_validate(policy), frozenset(roles), spec, chosen, priority)
    if refusal is None:
        check_choice(*asked)
    else:
        with pytest.raises(Forbidden) as caught:
            check_choice(*asked)
        assert refusal in caught.value.sentence


async def start(api: Api, who: str, workspace: str = "team") -> None:
    """What every start asks."""
    async with api.control.db.write() as session:
        key = (await api.ok(ADMIN, "GET", f"/workspaces/{workspace}"))["id"]
        found = await session.get_one(Image, await image(api))
        await check_start(session, who, await session.get_one(Workspace, key), SMALL, found)


async def test_only_enabled_members_who_may_run_instances_start_them(make_api: MakeApi) -> None:
    api = await make_api()
    await team(api, dora="developer", gina="guest", oper="operator")
    await start(api, "dora")
    for who, words in (
        ("eve", "not a member"),
        (ADMIN, "not a member"),
        ("gina", "(guest) does not allow"),
        ("oper", "(operator) does not allow"),
    ):
        with pytest.raises(Forbidden) as caught:
            await start(api, who)
        assert words in caught.value.sentence
    await put(api, "olga", "team", "dora", "developer", disabled=True)
    with pytest.raises(Forbidden, match="disabled"):
        await start(api, "dora")
    await put(api, "olga", "team", "dora", "developer")
    await api.ok(ADMIN, "PATCH", "/workspaces/team", {"archived": True})
    with pytest.raises(Conflict, match="archived"):
        await start(api, "dora")


async def test_the_hubs_own_page_starts_nothing_that_the_api_would_not(make_api: MakeApi) -> None:
    api = await make_api()
    await team(api, dora="developer")
    item = await create(api, "dora", start=False)
    request = PlanRequest(owner="dora", name=item["name"])
    await api.ok("olga", "DELETE", "/workspaces/team/members/dora")
    with pytest.raises(Forbidden, match="not a member of the workspace 'team'"):
        await plans.make_plan(api.control, request)
    assert (await row(api, item["id"])).attempt == 0
    await put(api, "olga", "team", "dora", "developer")
    await api.ok("olga", "PATCH", "/workspaces/team", {"policy": {"specs": {"developer": []}}})
    with pytest.raises(Forbidden, match="does not allow the spec 'small'"):
        await plans.make_plan(api.control, request)


async def test_who_starts_on_the_hubs_own_page_first_is_welcomed_there(make_api: MakeApi) -> None:
    api = await make_api()
    plan = await plans.make_plan(api.control, PlanRequest(owner="newt", name="first"))
    default = await api.ok(ADMIN, "GET", "/workspaces/default")
    assert plan.workspace_id == default["id"]
    assert (await api.ok("newt", "GET", "/workspaces/default"))["roles"] == ["developer"]


async def test_a_run_ends_when_its_time_is_over_and_says_so(make_api: MakeApi) -> None:
    api = await make_api()
    control = api.control
    moment = control.clock()
    control.clock = lambda: moment
    await team(api, dora="developer")
    await team(api, "other", dora="developer")
    await api.ok("olga", "PATCH", "/workspaces/team", {"policy": {"max_run_minutes": 60}})
    first, late, elsewhere = [
        await create(api, "dora", where) for where in ("team", "team", "other")
    ]
    for item in (first, elsewhere):
        await runs(api, item["id"])
    moment += timedelta(minutes=59)
    await runs(api, late["id"])
    await run_limits.enforce(control)
    assert (await row(api, first["id"])).desired == "running"
    moment += timedelta(minutes=1)
    await run_limits.enforce(control)
    ended = await row(api, first["id"])
    assert (ended.desired, ended.state, ended.reason) == ("stopped", "Stopping", "RunTimeLimit")
    assert "60 minutes" in ended.message
    for item in (late, elsewhere):
        assert (await row(api, item["id"])).desired == "running"
    events = await api.ok("dora", "GET", f"/instances/{first['id']}/events")
    assert events["items"][-1]["reason"] == "RunTimeLimit"


async def test_a_change_of_policy_is_audited_whole(make_api: MakeApi) -> None:
    api = await make_api()
    await team(api)
    await api.ok("olga", "PATCH", "/workspaces/team", {"policy": {"sudo": False}})
    (line,) = await audited(api, "policy.change")
    assert Policy.model_validate(line.detail["policy"]) == Policy(sudo=False)
