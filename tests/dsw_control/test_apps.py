"""Apps from an image's labels to the launch plan, and what a running server tells is open in it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.dsw_control.apis import Api
from tests.dsw_control.catalogs import DEVELOPER, ROOMY, SPECS, Catalog
from tests.dsw_control.conftest import MakeApi
from tests.dsw_control.starts import row_of
from tests.dsw_control.teams import audited, create, put, runs, team
from tests.pushes import INSTANCE, image_config, push
from tests.stub_hub import instance_token

from dsw.apps import App
from dsw.instances import Desired, InstanceState, Reason
from dsw.lifecycle import Do, Facts, HubView, Step
from dsw.plan import LaunchPlan, PlanRequest
from dsw_control.assets.official import OfficialImages
from dsw_control.body_limit import BODY_MAX
from dsw_control.plans import make_plan
from dsw_control.reconcile import Reconciler

BOARD = {"title": "Board", "command": ["board", "--port={port}"]}
OPEN = {
    "apps": [{"name": "board", "title": "Board", "path": "board/"}],
    "ports": [{"port": 8000, "process": "python"}],
}


def labelled(**apps: Any) -> dict[str, Any]:
    """The run configuration of an image that declares these apps."""
    labels = {f"dsw.app.{name}": json.dumps(about) for name, about in apps.items()}
    return INSTANCE | {"Labels": INSTANCE["Labels"] | labels}  # type: ignore[operator]


@pytest.fixture
async def catalog(make_api: MakeApi, start_registry: Any) -> Catalog:
    address = start_registry()
    api = await make_api(
        specs=SPECS,
        resource_groups=ROOMY,
        registry={"address": address, "insecure": True},
        apps=[{"name": "board", "title": "Ours", "command": ["ours"]}],
    )
    return await Catalog(api, address).fill()


async def test_an_added_image_brings_its_apps_and_bad_labels_are_only_told(
    catalog: Catalog,
) -> None:
    run = labelled(notes=BOARD | {"title": "Notes"}, lab=BOARD, bad=[])
    push(catalog.registry, "team/notes:1", image_config(run))
    image = await catalog.added(DEVELOPER, "notes", "team/notes:1")
    assert [(app["name"], app["title"]) for app in image["apps"]] == [("notes", "Notes")]
    for part in ("dsw.app.bad", "dsw.app.lab", "a path of the server itself"):
        assert part in image["hint"]
    checked = await catalog.api.ok(DEVELOPER, "POST", f"/images/{image['id']}/check")
    assert (checked["apps"], checked["hint"]) == (image["apps"], image["hint"])


async def test_an_official_image_brings_its_apps(catalog: Catalog) -> None:
    catalog.shelf.put("jupyterhub-dsw/base:latest", "sha256:one", labelled(notes=BOARD))
    await OfficialImages(catalog.control).turn()
    items = (await catalog.api.ok(DEVELOPER, "GET", "/images"))["items"]
    apps = [item["apps"] for item in items if item["digest"] == "sha256:one"]
    assert [[app["name"] for app in each] for each in apps] == [["notes"]]


async def test_the_plan_has_the_images_apps_and_those_of_the_settings_which_win(
    catalog: Catalog,
) -> None:
    push(catalog.registry, "team/notes:1", image_config(labelled(notes=BOARD, board=BOARD)))
    image = await catalog.added(DEVELOPER, "notes", "team/notes:1")
    started = await catalog.start(DEVELOPER, image["id"])
    request = PlanRequest(owner=DEVELOPER, name=started.json()["name"])
    plan: LaunchPlan = await make_plan(catalog.control, request)
    assert {app.name: app.title for app in plan.apps} == {"notes": "Board", "board": "Ours"}
    assert all(isinstance(app, App) for app in plan.apps)


@pytest.fixture
async def api(make_api: MakeApi) -> Api:
    api: Api = await make_api()
    await team(api, dan="developer", eve="developer")
    return api


async def running(api: Api, who: str = "dan") -> Any:
    """An instance of somebody that is up."""
    item = await create(api, who, display_name="Train")
    await runs(api, item["id"])
    return item


def its_token(item: Any) -> dict[str, str]:
    return instance_token(item["owner"], item["name"])


async def told(api: Api, item: Any, body: Any = OPEN, token: Any = None) -> int:
    """The status of what its server is answered."""
    path = f"/instances/{item['id']}/endpoints"
    return (await api.send(token or its_token(item), "PUT", path, body)).status_code


async def shown(api: Api, item: Any) -> Any:
    return (await api.ok(item["owner"], "GET", f"/instances/{item['id']}"))["endpoints"]


async def test_what_its_server_tells_is_shown_and_listeners_hear_of_changes_only(api: Api) -> None:
    item = await running(api)
    assert await shown(api, item) is None
    with api.control.bus.listen() as changes:
        for body in (OPEN, OPEN, {"apps": [], "ports": []}):
            assert await told(api, item, body) == 204
        heard = [changes.get_nowait() for _ in range(changes.qsize())]
    assert [json.loads(change.data)["endpoints"] for change in heard if change] == [
        OPEN,
        {"apps": [], "ports": []},
    ]
    assert await shown(api, item) == {"apps": [], "ports": []}
    done = await audited(api, "instance.use.own")
    assert [line.detail["did"] for line in done] == ["create"], "it is no act of anybody's"


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/stop"), ("DELETE", "")], ids=["stopped", "deleted"]
)
async def test_nothing_is_open_of_what_is_on_its_way_down(api: Api, method: str, path: str) -> None:
    item = await running(api)
    assert await told(api, item) == 204
    await api.ok("dan", method, f"/instances/{item['id']}{path}")
    assert await shown(api, item) is None
    assert await told(api, item) == 409
    assert await shown(api, item) is None


@pytest.mark.parametrize("state", [InstanceState.FAILED, InstanceState.RECOVERING])
async def test_nothing_is_open_when_its_server_has_ended(api: Api, state: InstanceState) -> None:
    item = await running(api)
    assert await told(api, item) == 204
    row = await row_of(api.control, item["id"])
    facts = Facts(
        desired=Desired.RUNNING, state=InstanceState.RUNNING, hub=HubView.ABSENT, exit_code=1
    )
    step = Step(do=Do.BECOME, state=state, reason=Reason.ENGINE_LOST)
    await Reconciler(api.control)._become(row, step, facts)
    assert (await row_of(api.control, item["id"])).state == state
    assert await shown(api, item) is None


async def test_nobody_tells_it_but_the_instance_itself(api: Api) -> None:
    item, other = await running(api), await running(api, "eve")
    second = await create(api, "dan", display_name="Second")
    attempts = {
        "dan": 403,
        "eve": 403,
        "root": 403,
        **{json.dumps(its_token(one)): 404 for one in (other, second)},
        "{}": 401,
    }
    for who, status in attempts.items():
        token = json.loads(who) if who.startswith("{") else who
        token = token if token else {"authorization": ""}
        assert await told(api, item, token=token) == status, who
    assert await shown(api, item) is None
    assert await told(api, {**item, "id": "dsw-aaaaaaaaaaaa"}) == 404
    await put(api, "olga", "team", "dan", "developer", disabled=True)
    assert await told(api, item) == 404


@pytest.mark.parametrize(
    "body",
    [
        {"ports": [{"port": 8000, "url": "http://example.org/"}]},
        {"ports": [{"port": "8000; rm"}]},
        {"ports": [{"port": 70000}]},
        {"ports": [{"port": 8000}] * 201},
        {"apps": [{"name": "board", "title": "B", "path": "../../hub/logout"}]},
        {"apps": [{"name": "board", "title": "B", "path": "board/%2e%2e/%2E./hub"}]},
        {"apps": [{"name": "board", "title": "B", "path": "javascript:alert(1)"}]},
        {"apps": [{"name": "board", "title": "B", "path": "//example.org/"}]},
        {"apps": [{"name": "board", "title": "B", "path": "https://example.org/"}]},
        {"apps": [{"name": "board", "title": "B\u001b[2J", "path": ""}]},
        {"owner": "eve"},
        [],
    ],
)
async def test_what_is_no_list_of_endpoints_changes_nothing(api: Api, body: Any) -> None:
    item = await running(api)
    assert await told(api, item) == 204
    assert await told(api, item, body) == 422
    assert await shown(api, item) == OPEN


async def test_a_giant_body_is_refused_before_it_is_read(api: Api) -> None:
    item = await running(api)
    pieces = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal pieces
        while True:
            pieces += 1
            yield b" " * 65_536
            await asyncio.sleep(0)

    url = f"{api.root}/instances/{item['id']}/endpoints"
    for token in (its_token(item), {}):
        answer = await api._http.put(url, content=endless(), headers=token)
        assert answer.status_code == 413
        assert f"{BODY_MAX:,} bytes" in answer.json()["detail"]
    assert pieces <= 2 * (BODY_MAX // 65_536 + 2)
    assert (await row_of(api.control, item["id"])).endpoints is None
