"""Code sources over the API: who may register what, and what an instance is given at its start."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from sqlalchemy import select
from tests.dsw_control.apis import ADMIN, Api
from tests.dsw_control.conftest import MakeApi
from tests.dsw_control.teams import audited, create, put, row, team
from tests.stub_hub import instance_token

from dsw.code_sources import CodeCheckout
from dsw.instances import InstanceState
from dsw.plan import PlanRequest
from dsw_control import plans
from dsw_control.assets import code_sources
from dsw_control.store.tables import CodeSource, Credential, Instance

URL = "https://git.example.org/vision/model.git"
SECRET = "a-deploy-token"
MEMBERS: dict[str, str | list[str]] = {
    "adam": "admin",
    "dora": "developer",
    "dave": "developer",
    "otto": "operator",
    "gina": "guest",
}

ADDRESSES_OF_NONE = [
    "--upload-pack=touch /tmp/x",
    "ext::sh -c touch% /tmp/x",
    "file:///etc",
    "/etc",
    "ssh://git@example.org/x",
    "git@example.org:x",
    "https://user:hidden@example.org/x",
    "https://hidden@example.org/x",
    "https://example.org/x?token=hidden",
    "https://example.org/x#y",
    "https://example.org/x\nhost=evil.example",
    "https://exa mple.org/x",
    "https://[::1/x",
    "https://example.org:99999/x",
    "https://example.org\\@evil.example/x",
    "https:///x",
    "HTTPS",
    "https://example.org/",
]
FOLDERS_ELSEWHERE = [
    "../x",
    "a/../../x",
    "/etc",
    "a//b",
    "a/",
    ".ssh",
    "a/.git/hooks",
    "a\nb",
    "a\\b",
    "é" * 150,
]
NO_REFS = ["--upload-pack=x", "-b", "a b", "a\nb", "a~1", "@{-1}", ":x", "^x"]


@pytest.fixture
async def api(make_api: MakeApi) -> Api:
    made: Api = await make_api()
    await team(made, **MEMBERS)
    return made


async def add(api: Api, who: str = "dora", **values: Any) -> Any:
    """A new code source of `team`."""
    body = {"workspace": "team", "name": "model", "url": URL, **values}
    return await api.ok(who, "POST", "/code-sources", body)


async def refusal(api: Api, who: str = "dora", **values: Any) -> tuple[int, str]:
    """Status and sentence of a code source that is not let in; nothing was written."""
    body = {"workspace": "team", "name": "model", "url": URL, **values}
    answer = await api.send(who, "POST", "/code-sources", body)
    assert await stored(api) == []
    return answer.status_code, answer.json()["detail"]


async def stored(api: Api) -> list[CodeSource]:
    async with api.control.db.read() as session:
        return list(await session.scalars(select(CodeSource)))


async def credential(api: Api, workspace: str = "team", **values: Any) -> str:
    body = {"name": "deploy", "kind": "git", "host": "git.example.org", "username": "deploy"}
    body |= {"workspace": workspace, "secret": SECRET, **values}
    return str((await api.ok(ADMIN, "POST", "/credentials", body))["id"])


async def test_a_source_is_registered_listed_read_and_forgotten(api: Api) -> None:
    made = await add(api, ref="v1.0")
    assert made["directory"] == "model"
    assert (made["owner"], made["ref"], made["credential"]) == ("dora", "v1.0", None)
    await add(api, name="Tools", url="http://10.0.0.1:3000/x/.tools", directory="lib/tools")
    listed = await api.ok("gina", "GET", "/code-sources?workspace=team")
    assert [item["name"] for item in listed["items"]] == ["Tools", "model"]
    assert await api.ok("gina", "GET", f"/code-sources/{made['id']}") == made
    found = await api.ok("gina", "GET", "/code-sources?name=OO")
    assert [item["directory"] for item in found["items"]] == ["lib/tools"]
    first = await api.ok("gina", "GET", "/code-sources?limit=1")
    rest = await api.ok("gina", "GET", f"/code-sources?limit=1&cursor={first['next']}")
    assert [page["items"][0]["name"] for page in (first, rest)] == ["Tools", "model"]
    await api.ok("dora", "DELETE", f"/code-sources/{made['id']}")
    assert (await api.send("dora", "GET", f"/code-sources/{made['id']}")).status_code == 404
    lines = await audited(api, "code.add")
    assert [line.detail.get("deleted") for line in lines] == [None, None, "model"]


@pytest.mark.parametrize("who", ["otto", "gina"])
async def test_who_does_not_develop_registers_nothing(api: Api, who: str) -> None:
    assert (await refusal(api, who))[0] == 403


async def test_another_members_source_is_forgotten_by_admins_only(api: Api) -> None:
    made = await add(api)
    path = f"/code-sources/{made['id']}"
    for who in ("dave", "otto", "gina"):
        assert (await api.send(who, "DELETE", path)).status_code == 403
    assert len(await stored(api)) == 1
    await api.ok("adam", "DELETE", path)
    (line,) = await audited(api, "code.manage")
    assert (line.actor, line.object_id) == ("adam", made["id"])


async def test_nothing_is_registered_in_an_archived_workspace(api: Api) -> None:
    made = await add(api)
    await api.ok(ADMIN, "PATCH", "/workspaces/team", {"archived": True})
    body = {"workspace": "team", "name": "x", "url": URL}
    assert (await api.send("dora", "POST", "/code-sources", body)).status_code == 409
    assert (await api.send("dora", "DELETE", f"/code-sources/{made['id']}")).status_code == 409
    assert (await api.ok("dora", "GET", "/code-sources"))["items"] == [made]


async def test_only_http_addresses_of_repositories_are_taken(api: Api) -> None:
    for url in ADDRESSES_OF_NONE:
        status, sentence = await refusal(api, url=url)
        assert (status, "hidden" in sentence) == (422, False), url


async def test_a_directory_stays_below_the_home(api: Api) -> None:
    for directory in FOLDERS_ELSEWHERE:
        status, sentence = await refusal(api, directory=directory)
        assert (status, "relative to /mnt/workspace" in sentence) == (422, True), directory


async def test_a_ref_is_a_branch_a_tag_or_a_commit(api: Api) -> None:
    for ref in NO_REFS:
        assert (await refusal(api, ref=ref))[0] == 422, ref


async def test_a_credential_is_named_by_who_manages_them_and_for_its_host(api: Api) -> None:
    fitting = await credential(api)
    status, sentence = await refusal(api, "dora", credential=fitting)
    assert (status, "credential.manage" in sentence) == (403, True)
    for values in ({"host": "evil.example"}, {"kind": "registry"}):
        other = await credential(api, **values)
        status, sentence = await refusal(api, "adam", credential=other)
        assert (status, SECRET in sentence) == (422, False)
    for url in ("https://git.example.org:8443/x", "https://git.example.org.evil.example/x"):
        assert (await refusal(api, "adam", credential=fitting, url=url))[0] == 422
    assert (await add(api, "adam", credential=fitting))["credential"] == fitting
    deleted = await api.send("adam", "DELETE", f"/credentials/{fitting}")
    assert deleted.status_code == 409


async def test_a_name_is_given_once_in_a_workspace(api: Api) -> None:
    body = {"workspace": "team", "name": "model", "url": URL}
    both = await asyncio.gather(
        *(api.send(who, "POST", "/code-sources", body) for who in ("dora", "dave"))
    )
    assert sorted(answer.status_code for answer in both) == [201, 409]
    assert len(await stored(api)) == 1


async def test_what_an_instance_names_is_kept(api: Api) -> None:
    made = await add(api)
    path = f"/code-sources/{made['id']}"
    instance = await create(api, "dave", code_source=made["id"], start=False)
    assert instance["code_source"] == made["id"]
    answer = await api.send("dora", "DELETE", path)
    assert (answer.status_code, "of dave" in answer.json()["detail"]) == (409, True)
    async with api.control.db.write() as session:
        gone = await session.get_one(Instance, instance["id"])
        gone.state, gone.deleted_at = InstanceState.DELETING, api.control.clock()
    stale = await api.send("dora", "DELETE", path, headers={"If-Match": '"other"'})
    assert stale.status_code == 412
    await api.ok("dora", "DELETE", path)


async def test_sources_and_credentials_of_other_workspaces_do_not_exist(api: Api) -> None:
    await team(api, "other", mallory="admin")
    made = await add(api)
    path = f"/code-sources/{made['id']}"
    for method in ("GET", "DELETE"):
        assert (await api.send("mallory", method, path)).status_code == 404
    answer = await api.send("mallory", "GET", "/code-sources?workspace=team")
    assert answer.status_code == 404
    assert (await api.ok("mallory", "GET", "/code-sources"))["items"] == []
    foreign = await credential(api)
    body = {"workspace": "other", "name": "x", "url": URL, "credential": foreign}
    assert (await api.send("mallory", "POST", "/code-sources", body)).status_code == 404
    body = {"workspace": "team", "name": "x", "url": URL}
    assert (await api.send("mallory", "POST", "/code-sources", body)).status_code == 404
    image = (await api.ok("mallory", "GET", "/images"))["items"][0]["id"]
    body = {"workspace": "other", "name": "x", "image": image, "spec": "small"}
    answer = await api.send("mallory", "POST", "/instances", body | {"code_source": made["id"]})
    assert answer.status_code == 404
    assert [source.id for source in await stored(api)] == [made["id"]]
    async with api.control.db.read() as session:
        assert (await session.scalars(select(Instance))).all() == []


async def test_an_instances_token_reaches_no_code_source(api: Api) -> None:
    made = await add(api)
    instance = await create(api, "dora", start=False)
    token = instance_token("dora", instance["name"])
    for method, path in (("GET", ""), ("GET", f"/{made['id']}"), ("DELETE", f"/{made['id']}")):
        assert (await api.send(token, method, f"/code-sources{path}")).status_code == 403
    body = {"workspace": "team", "name": "x", "url": URL}
    assert (await api.send(token, "POST", "/code-sources", body)).status_code == 403
    assert len(await stored(api)) == 1


async def plan_of(api: Api, instance: Any) -> Any:
    """The launch plan that the spawner is given."""
    request = PlanRequest(owner=instance["owner"], name=instance["name"])
    return await plans.make_plan(api.control, request)


async def test_the_plan_carries_what_to_clone_and_nothing_else_shows_the_secret(api: Api) -> None:
    source = await add(api, "adam", ref="main", credential=await credential(api))
    instance = await create(api, "dave", code_source=source["id"], start=False)
    plan = await plan_of(api, instance)
    assert plan.code == CodeCheckout(
        url=URL, ref="main", directory="model", username="deploy", secret=SECRET
    )
    assert SECRET not in repr(plan)
    assert SECRET not in json.dumps([plan.environment, plan.labels, plan.fingerprint])
    for path in (
        f"/code-sources/{source['id']}",
        "/credentials",
        f"/instances/{instance['id']}",
        f"/instances/{instance['id']}/events",
        "/audit?workspace=team",
    ):
        assert SECRET not in json.dumps(await api.ok("adam", "GET", path))


async def test_without_a_source_there_is_nothing_to_clone(api: Api) -> None:
    plan = await plan_of(api, await create(api, "dave", start=False))
    assert plan.code is None


@pytest.mark.parametrize("lost", [CodeSource, Credential])
async def test_a_start_without_its_source_or_credential_goes_on_and_says_so(
    api: Api, lost: type[CodeSource | Credential]
) -> None:
    source = await add(api, "adam", credential=await credential(api))
    instance = await create(api, "dave", code_source=source["id"], start=False)
    async with api.control.db.write() as session:
        await session.delete((await session.scalars(select(lost))).one())
    assert (await plan_of(api, instance)).code is None
    events = (await api.ok("dave", "GET", f"/instances/{instance['id']}/events"))["items"]
    (told,) = [event for event in events if event["reason"] == "CodeSourceGone"]
    assert told["message"].startswith("No code was cloned. The c")


async def test_a_credential_goes_to_its_own_host_alone_whatever_the_source_says_now(
    api: Api,
) -> None:
    source = await add(api, "adam", credential=await credential(api))
    instance = await create(api, "dave", code_source=source["id"], start=False)
    async with api.control.db.write() as session:
        found = await session.get_one(CodeSource, source["id"])
        found.url = "https://evil.example/x"
    assert (await plan_of(api, instance)).code is None


async def test_a_source_of_another_workspace_is_never_handed_over(api: Api) -> None:
    await team(api, "other")
    source = await add(api)
    instance = await create(api, "olga", "other", start=False)
    async with api.control.db.write() as session:
        found = await session.get_one(Instance, instance["id"])
        found.code_source = source["id"]
        assert await code_sources.checkout_for(session, api.control, found) is None


async def test_a_member_who_may_not_read_code_starts_without_it(api: Api) -> None:
    source = await add(api)
    actions = ["instance.use.own", "image.read", "spec.list"]
    await api.ok("olga", "PUT", "/workspaces/team/roles/runner", {"actions": actions})
    await put(api, "olga", "team", "rita", "runner")
    image = (await api.ok("dora", "GET", "/images"))["items"][0]["id"]
    body = {"workspace": "team", "name": "x", "image": image, "spec": "small", "start": False}
    answer = await api.send("rita", "POST", "/instances", body | {"code_source": source["id"]})
    assert (answer.status_code, "code.read" in answer.json()["detail"]) == (403, True)
    assert (await api.ok("rita", "GET", "/code-sources"))["items"] == []
    made = await api.ok("rita", "POST", "/instances", body)
    assert (await row(api, made["id"])).code_source is None
