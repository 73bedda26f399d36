"""Every route of the API, as it is in the document: named, guarded, closed, written down."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from tests.conftest import registries
from tests.dsw_control.apis import ADMIN, Api
from tests.dsw_control.route_table import (
    ACTS,
    CHANGES,
    FROM_AN_INSTANCE,
    NOT_MATCHED,
    OWNER,
    QUERIES,
    WHOLE_LISTS,
    WRITTEN_ELSEWHERE,
    Ask,
)
from tests.dsw_control.route_world import control_in, make_world
from tests.stub_hub import instance_token

from dsw.audit import Outcome
from dsw.roles import Action
from dsw_control.openapi import document
from dsw_control.records.audit import CONTROL
from dsw_control.store.tables import AuditEntry

DOCUMENT = document()
ROUTES: dict[str, dict[str, Any]] = {
    f"{method.upper()} {path}": operation
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}
CHANGING = sorted(route for route in ROUTES if not route.startswith("GET "))
LISTS = sorted(route for route, operation in ROUTES.items() if "/Page_" in str(operation))
AS_USUAL = Ask()


@dataclass
class World:
    """An API over a copy of the small workbench."""

    api: Api
    ids: dict[str, str]

    def path(self, route: str, ask: Ask = AS_USUAL) -> str:
        """The route's path with ids in place of its placeholders."""
        ids = self.ids | {key: self.ids[name] for key, name in ask.world.items()}
        path = re.sub(r"\{(\w+)\}", lambda match: ids[match[1]], route.partition(" ")[2])
        return f"{path}?{ask.query}" if ask.query else path

    async def send(
        self, route: str, headers: dict[str, str] | None = None, **body: Any
    ) -> httpx.Response:
        """The answer to the request of the table; `body` are more keys in its body."""
        ask = CHANGES[route]
        content = _filled(ask.body, self.ids)
        if body:
            content = (content or {}) | body
        method = route.partition(" ")[0]
        return await self.api.send(ask.who, method, self.path(route, ask), content, headers)

    async def done(self) -> list[AuditEntry]:
        """What the audit log says was done by those who asked; a welcome is control's own."""
        async with self.api.control.db.read() as session:
            query = select(AuditEntry).where(
                AuditEntry.outcome == Outcome.DONE, AuditEntry.actor != CONTROL
            )
            return list(await session.scalars(query.order_by(AuditEntry.id)))


def _filled(value: Any, ids: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(item, ids) for key, item in value.items()}
    return value.format(**ids) if isinstance(value, str) else value


@pytest.fixture(scope="module")
def original(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Path, dict[str, str]]]:
    """The folder of the small workbench, and its ids."""
    folder = tmp_path_factory.mktemp("original")
    with registries(tmp_path_factory.mktemp("registries")) as start_registry:
        yield folder, asyncio.run(make_world(folder, start_registry(), start_registry()))


@pytest.fixture
async def world(original: tuple[Path, dict[str, str]], tmp_path: Path) -> AsyncIterator[World]:
    folder, ids = original
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    control = control_in(tmp_path, ids["registry"])
    api = Api(control)
    yield World(api, ids)
    await api.close()
    await control.hub.close()
    await control.db.close()


def test_every_route_names_what_it_is_for() -> None:
    assert len(ROUTES) > 50
    for route, operation in ROUTES.items():
        assert operation.get("x-dsw-action") in set(Action), f"{route} lacks **does(Action...)"


@pytest.mark.parametrize("token", ["", "Bearer nobody", "Basic cm9vdDpyb290", "Bearer "])
async def test_every_route_wants_credentials(world: World, token: str) -> None:
    for route in ROUTES:
        method = route.partition(" ")[0]
        body: Any = {} if method in ("POST", "PUT", "PATCH") else None
        headers = {"authorization": token} if token else {}
        answer = await world.api.send(headers, method, world.path(route), body)
        assert answer.status_code == 401, (route, answer.text)
        assert answer.json()["code"] == "not_authenticated"


def test_every_change_is_in_the_table() -> None:
    assert sorted(CHANGES) == CHANGING
    named = FROM_AN_INSTANCE | WHOLE_LISTS | set(NOT_MATCHED) | ACTS | set(WRITTEN_ELSEWHERE)
    assert not named - set(ROUTES), "these routes are gone"


@pytest.mark.parametrize("route", sorted(set(CHANGING) - set(WRITTEN_ELSEWHERE)))
async def test_every_change_is_written_down_with_its_action(world: World, route: str) -> None:
    before = len(await world.done())
    answer = await world.send(route)
    assert answer.is_success, answer.text
    written = (await world.done())[before:]
    assert written, "no line in the audit log"
    allowed = {ROUTES[route]["x-dsw-action"]} | CHANGES[route].also
    assert {entry.action for entry in written} <= allowed
    assert {entry.actor for entry in written} == {CHANGES[route].who}
    assert all(entry.request_id for entry in written)


@pytest.mark.parametrize(
    "route", [route for route in CHANGING if CHANGES.get(route, AS_USUAL).body]
)
async def test_a_key_that_no_body_knows_is_refused(world: World, route: str) -> None:
    before = len(await world.done())
    answer = await world.send(route, host_path="/etc")
    assert answer.status_code == 422, answer.text
    assert "host_path: this key is not known here." in answer.json()["detail"]
    assert len(await world.done()) == before


def test_bodies_are_closed_all_the_way_down() -> None:
    for route, operation in ROUTES.items():
        for schema in _schemas(operation.get("requestBody", {}), set()):
            if "properties" in schema:
                assert schema.get("additionalProperties") is False, (route, schema["title"])


def _schemas(part: Any, seen: set[str]) -> Iterator[dict[str, Any]]:
    """All schemas that this part of the document refers to."""
    if isinstance(part, list):
        for item in part:
            yield from _schemas(item, seen)
    elif isinstance(part, dict):
        yield part
        for key, item in part.items():
            if key == "$ref" and item not in seen:
                seen.add(item)
                yield from _schemas(DOCUMENT["components"]["schemas"][item.split("/")[-1]], seen)
            else:
                yield from _schemas(item, seen)


async def test_the_token_of_an_instance_reaches_that_instance_and_nothing_else(
    world: World,
) -> None:
    before = len(await world.done())
    token = instance_token(OWNER, "stopped")
    another = {"instance_id": "running", "dataset_id": "their_dataset"}
    answers: dict[str, int] = {}
    for route in ROUTES:
        ask = CHANGES.get(route, AS_USUAL)
        if route in FROM_AN_INSTANCE:
            ask = replace(ask, world=another)
        method, path = route.partition(" ")[0], world.path(route, ask)
        body = _filled(ask.body, world.ids)
        answers[route] = (await world.api.send(token, method, path, body)).status_code
    reached = {route for route, status in answers.items() if status not in (403, 404)}
    assert reached == {route for route in FROM_AN_INSTANCE if "{" not in route}
    assert {answers[route] for route in FROM_AN_INSTANCE - reached} == {404}
    assert len(await world.done()) == before


@pytest.mark.parametrize(
    "route", [route for route in CHANGING if route.startswith(("PUT ", "PATCH "))]
)
def test_every_change_of_an_object_takes_if_match(route: str) -> None:
    assert (route in NOT_MATCHED) != ("If-Match" in _parameters(route))


@pytest.mark.parametrize("route", [route for route in CHANGING if "If-Match" in str(ROUTES[route])])
async def test_a_change_of_what_was_changed_meanwhile_is_refused(world: World, route: str) -> None:
    before = len(await world.done())
    answer = await world.send(route, {"If-Match": '"0123456789abcdef"'})
    assert answer.status_code == 412, answer.text
    assert answer.json()["code"] == "precondition_failed"
    assert len(await world.done()) == before
    path, ask = world.path(route, CHANGES[route]), CHANGES[route]
    tag = "*"
    if f"GET {route.partition(' ')[2]}" in set(ROUTES) - set(LISTS):
        tag = (await world.api.send(ask.who, "GET", path)).headers["etag"]
    answer = await world.send(route, {"If-Match": tag})
    assert answer.is_success, answer.text
    if not route.startswith("DELETE ") and tag != "*":
        # It is another object now, and the answer brings its tag.
        assert answer.headers["etag"] != tag
        shown = await world.api.send(ask.who, "GET", path)
        assert shown.headers["etag"] == answer.headers["etag"]


async def test_whoever_reads_an_object_gets_its_tag(world: World) -> None:
    for route in ROUTES:
        if route.startswith("GET ") and route.endswith("}"):
            answer = await world.api.send(OWNER, "GET", world.path(route))
            assert answer.is_success, (route, answer.text)
            assert answer.headers.get("etag", "").startswith('"'), route


CREATES = sorted(route for route in CHANGING if route.startswith("POST ") and route not in ACTS)


@pytest.mark.parametrize("route", CREATES)
async def test_a_create_that_is_sent_twice_makes_one_object(world: World, route: str) -> None:
    assert "Idempotency-Key" in _parameters(route)
    key = {"Idempotency-Key": "8d3a"}
    before = len(await world.done())
    answers = await asyncio.gather(*(world.send(route, key) for _ in range(3)))
    answers.append(await world.send(route, key))
    assert {answer.status_code for answer in answers} == {answers[0].status_code}, answers[0].text
    assert answers[0].is_success, answers[0].text
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(await world.done()) == before + 1
    other = await world.send(route, key, description="another")
    assert other.status_code in (409, 422), "the key came with another body"
    for bad in ("", "a b", "k" * 256, "\u00e4"):
        answer = await world.send(route, {"Idempotency-Key": bad})
        assert answer.status_code == 422, bad
        assert "Idempotency-Key" in answer.json()["detail"]
    assert len(await world.done()) == before + 1


@pytest.mark.parametrize("route", LISTS)
async def test_every_list_is_read_page_by_page(world: World, route: str) -> None:
    parameters = _parameters(route)
    if route in WHOLE_LISTS:
        assert not {"limit", "cursor"} & parameters
        return
    assert {"limit", "cursor"} <= parameters
    for who in (OWNER, ADMIN):
        path = f"{world.path(route)}?{QUERIES.get(route, '')}"
        whole = (await world.api.ok(who, "GET", path))["items"]
        pages: list[Any] = []
        cursor: str | None = ""
        while cursor is not None and len(pages) <= len(whole):
            page = await world.api.ok(who, "GET", f"{path}limit=1{cursor}")
            pages += page["items"]
            cursor = page["next"] and f"&cursor={page['next']}"
        assert pages == whole
        for wrong in ("limit=0", "limit=1001", "cursor=x"):
            answer = await world.api.send(who, "GET", f"{path}{wrong}")
            assert answer.status_code == 422, (wrong, answer.text)


def _parameters(route: str) -> set[str]:
    return {parameter["name"] for parameter in ROUTES[route].get("parameters", [])}
