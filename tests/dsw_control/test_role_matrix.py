"""The role table against the running API: every role, every route, one's own and another's."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, update
from tests.conftest import registries
from tests.dsw_control.apis import ADMIN, Api
from tests.dsw_control.route_table import CHANGES, FOR_SERVERS, OWNER, Ask
from tests.dsw_control.route_world import control_in, make_world

from dsw.audit import Outcome
from dsw.images import Visibility
from dsw.roles import PERMISSIONS, Action, Role
from dsw_control.context import Control
from dsw_control.openapi import document
from dsw_control.store.tables import (
    AuditEntry,
    CodeSource,
    Dataset,
    Image,
    ImageTransfer,
    Instance,
    Member,
    Snapshot,
    SshKey,
    Upload,
    User,
    Warming,
    Workspace,
)

SUBJECT = "sam"
READ, MANAGE = Action.INSTANCE_READ_ALL, Action.INSTANCE_MANAGE_ALL
USE, SAVE, SHARE = Action.INSTANCE_USE_OWN, Action.SNAPSHOT_OWN, Action.INSTANCE_SHARE_OWN

OWNED: dict[str, tuple[Action, Action | None]] = {
    "GET /instances/{instance_id}": (USE, READ),
    "GET /instances/{instance_id}/events": (USE, READ),
    "GET /instances/{instance_id}/events/stream": (USE, READ),
    "PATCH /instances/{instance_id}": (USE, MANAGE),
    "DELETE /instances/{instance_id}": (USE, MANAGE),
    "POST /instances/{instance_id}/start": (USE, MANAGE),
    "POST /instances/{instance_id}/stop": (USE, MANAGE),
    "POST /instances/{instance_id}/snapshots": (SAVE, MANAGE),
    "POST /instances/{instance_id}/snapshots/forecast": (SAVE, MANAGE),
    "GET /instances/{instance_id}/shares": (SHARE, MANAGE),
    "PUT /instances/{instance_id}/shares": (SHARE, MANAGE),
    "DELETE /instances/{instance_id}/shares/{share_id}": (SHARE, MANAGE),
    "GET /snapshots/{snapshot_id}": (SAVE, READ),
    "GET /snapshots/{snapshot_id}/events": (SAVE, READ),
    "POST /snapshots/{snapshot_id}/cancel": (SAVE, MANAGE),
    "PATCH /images/{image_id}": (Action.IMAGE_ADD, Action.IMAGE_CHANGE),
    "POST /images/{image_id}/check": (Action.IMAGE_ADD, Action.IMAGE_CHANGE),
    "DELETE /images/{image_id}": (Action.IMAGE_DELETE_OWN, Action.IMAGE_DELETE),
    "GET /images/transfers/{transfer_id}": (Action.IMAGE_ADD, None),
    "DELETE /images/transfers/{transfer_id}": (Action.IMAGE_ADD, None),
    "PUT /images/transfers/{transfer_id}/content": (Action.IMAGE_ADD, None),
    "GET /images/transfers/{transfer_id}/content": (Action.IMAGE_ADD, None),
    "DELETE /code-sources/{code_source_id}": (Action.CODE_ADD, Action.CODE_MANAGE),
    "PATCH /datasets/{dataset_id}": (Action.DATASET_ADD, Action.DATASET_MANAGE),
    "DELETE /datasets/{dataset_id}": (Action.DATASET_ADD, Action.DATASET_MANAGE),
    "POST /datasets/{dataset_id}/versions": (Action.DATASET_ADD, Action.DATASET_MANAGE),
    # The roles that may write another's dataset of the world are those that manage datasets.
    "DELETE /datasets/{dataset_id}/files": (Action.DATASET_WRITE, Action.DATASET_MANAGE),
    "POST /datasets/{dataset_id}/uploads": (Action.DATASET_WRITE, Action.DATASET_MANAGE),
    "GET /datasets/uploads/{upload_id}": (Action.DATASET_WRITE, None),
    "PUT /datasets/uploads/{upload_id}/content": (Action.DATASET_WRITE, None),
    "DELETE /datasets/uploads/{upload_id}": (Action.DATASET_WRITE, None),
    "POST /datasets/{dataset_id}/warmings": (Action.MOUNT_OWN, Action.MOUNT_OWN),
    "DELETE /datasets/warmings/{warming_id}": (Action.MOUNT_OWN, Action.DATASET_MANAGE),
    "GET /instances/{instance_id}/mounts": (USE, READ),
    "GET /instances/{instance_id}/mounts/{mount_id}": (USE, READ),
    "POST /instances/{instance_id}/mounts": (Action.MOUNT_OWN, None),
    "DELETE /instances/{instance_id}/mounts/{mount_id}": (Action.MOUNT_OWN, None),
    "DELETE /ssh-keys/{key_id}": (Action.SSH_KEY_OWN, None),
    "GET /usage": (Action.USAGE_READ_OWN, Action.USAGE_READ),
    "GET /usage.csv": (Action.USAGE_READ_OWN, Action.USAGE_READ),
    "GET /storage": (Action.USAGE_READ_OWN, Action.USAGE_READ),
}
"""What it takes to do this to one's own, and to another's (None: nobody may). All else is nobody's
own."""

TABLES = (Instance, Snapshot, CodeSource, Image, ImageTransfer, Dataset, Upload, Warming)
"""What belongs to somebody in a workspace."""

OF_A_FILE = {"GET /datasets/{dataset_id}/preview", "GET /datasets/{dataset_id}/content"}
"""Which of the datasets' files is to be said."""

WITH_CAPS = {"per_member": {"instances": 3}}
"""A quota as the world has it, divided otherwise."""

ROUTES = {
    f"{method.upper()} {path}": operation
    for path, operations in document()["paths"].items()
    for method, operation in operations.items()
}


@dataclass
class Matrix:
    """Copies of a small workbench in which everything belongs to `owner`, and `SUBJECT` has one
    role. What is allowed happens in a copy of its own."""

    original: Path
    folder: Path
    ids: dict[str, str]
    role: str
    owner: str = SUBJECT
    disabled: bool = False
    copies: int = 0

    @contextlib.asynccontextmanager
    async def api(self) -> AsyncIterator[Api]:
        """The API of a fresh copy."""
        self.copies += 1
        folder = self.folder / str(self.copies)
        shutil.copytree(self.original, folder)
        control = control_in(folder, self.ids["registry"])
        await self._prepare(control)
        api = Api(control)
        try:
            yield api
        finally:
            await api.close()
            await control.hub.close()
            await control.db.close()

    async def _prepare(self, control: Control) -> None:
        moment = control.clock()
        async with control.db.write() as session:
            team = await session.scalar(select(Workspace.id).where(Workspace.name == "team"))
            # Somebody who was seen is not welcomed: the one role is all that there is.
            session.add(User(name=SUBJECT, seen_at=moment))
            if self.role:
                member = {"roles": [self.role], "group_roles": [], "disabled": self.disabled}
                session.add(Member(workspace_id=team, username=SUBJECT, added_at=moment, **member))
            for table in TABLES:
                of_team = table.workspace_id == team
                await session.execute(update(table).where(of_team).values(owner=self.owner))
            await session.execute(update(SshKey).values(username=self.owner))
            for kind in (Image, Dataset):
                shown = update(kind).where(kind.workspace_id == team)
                await session.execute(shown.values(visibility=Visibility.WORKSPACE))

    async def send(self, api: Api, route: str, who: str = SUBJECT) -> httpx.Response:
        """The request of the table, by `who`."""
        ask = CHANGES.get(route, Ask())
        if route.startswith("PUT /workspaces/{workspace}/quotas"):
            ask = replace(ask, body=WITH_CAPS)
        if route.endswith("/registry"):
            # Of `team`, from which something is on its way to the place that it has now.
            ask = Ask(body=ask.body and {"address": "registry.example.org", "repository": "team"})
        if route == "GET /instances/{instance_id}":
            ask = replace(ask, world={"instance_id": "running"})
        method, path = route.split(" ")
        ids = self.ids | {key: self.ids[name] for key, name in ask.world.items()}
        path = re.sub(r"\{(\w+)\}", lambda match: ids[match[1]], path)
        query = {key: value for key, value in self._query().items() if key in _parameters(route)}
        if route in OF_A_FILE:
            query["path"] = "old.txt"
        if query or ask.query:
            path += f"?{httpx.QueryParams(query).merge(ask.query)}"
        body = _filled(ask.body, ids)
        if not route.endswith("/stream"):
            return await api.send(who, method, path, body)
        ending = asyncio.create_task(_end_streams(api))
        try:
            return await api.send(who, method, path, body)
        finally:
            ending.cancel()

    def _query(self) -> dict[str, str]:
        return {"workspace": "team"} | ({} if self.owner == SUBJECT else {"user": self.owner})


async def _end_streams(api: Api) -> None:
    """Close what is listened to, as a shutdown does: a stream in a test has to end."""
    while True:
        await asyncio.sleep(0)
        api.control.bus.close()


def _filled(value: Any, ids: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(item, ids) for key, item in value.items()}
    return value.format(**ids) if isinstance(value, str) else value


def _parameters(route: str) -> set[str]:
    return {parameter["name"] for parameter in ROUTES[route].get("parameters", [])}


def refused(route: str, answer: httpx.Response) -> bool:
    """Whether it was refused; a list that goes over all workspaces is refused by being empty."""
    if answer.status_code in (403, 404):
        return True
    assert answer.is_success or answer.status_code == 409, (route, answer.text)
    if "{" in route or not answer.headers.get("content-type", "").startswith("application/json"):
        return False
    return bool(answer.json().get("items") == [])


async def done(api: Api) -> int:
    """How many lines of the audit log tell of something that was done."""
    async with api.control.db.read() as session:
        query = select(func.count()).where(AuditEntry.outcome == Outcome.DONE)
        return await session.scalar(query) or 0


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str]]]:
    """The folder of the small workbench, and its ids."""
    folder = tmp_path_factory.mktemp("original")
    with registries(tmp_path_factory.mktemp("registries")) as start_registry:
        yield folder, asyncio.run(make_world(folder, start_registry(), start_registry()))


async def check(matrix: Matrix, expected: dict[str, bool]) -> None:
    """Every route does what is expected, and what is refused changes nothing."""
    wrong = []
    changes = [route for route in expected if not route.startswith("GET ")]
    async with matrix.api() as api:
        before = await done(api)
        for route, allowed in expected.items():
            if route not in changes or not allowed:
                answer = await matrix.send(api, route)
                if refused(route, answer) is allowed:
                    wrong.append((route, allowed, answer.status_code, answer.text))
        assert await done(api) == before, "something that was refused was done"
    for route in changes:
        if expected[route]:
            async with matrix.api() as api:
                answer = await matrix.send(api, route)
                if refused(route, answer):
                    wrong.append((route, True, answer.status_code, answer.text))
    assert not wrong


def test_every_route_about_ones_own_is_told_from_anothers() -> None:
    own = {route for route, each in ROUTES.items() if each["x-dsw-action"].endswith(".own")}
    lists = {"GET /instances", "GET /snapshots", "GET /ssh-keys"}
    creates = {"POST /instances", "POST /images/{image_id}/restore", "POST /ssh-keys"}
    assert own - lists - creates - FOR_SERVERS <= set(OWNED)
    assert set(OWNED) <= set(ROUTES)


@pytest.mark.parametrize("role", Role)
async def test_a_role_allows_what_the_table_says(
    original: tuple[Path, dict[str, str]], tmp_path: Path, role: Role
) -> None:
    """In a workspace where all that one can own is the caller's own."""
    expected = {}
    for route, operation in ROUTES.items():
        action = OWNED[route][0] if route in OWNED else Action(operation["x-dsw-action"])
        expected[route] = route not in FOR_SERVERS and action in PERMISSIONS[role]
    assert not any(
        expected[route] for route in ("POST /workspaces", "DELETE /workspaces/{workspace}")
    )
    await check(Matrix(original[0], tmp_path, original[1], role), expected)


@pytest.mark.parametrize("role", Role)
async def test_a_role_allows_with_anothers_what_the_table_says(
    original: tuple[Path, dict[str, str]], tmp_path: Path, role: Role
) -> None:
    expected = {route: of_others in PERMISSIONS[role] for route, (_, of_others) in OWNED.items()}
    await check(Matrix(original[0], tmp_path, original[1], role, owner=OWNER), expected)


@pytest.mark.parametrize(("role", "disabled"), [("", False), ("owner", True), ("gone", False)])
async def test_who_has_no_role_there_reaches_nothing_of_it(
    original: tuple[Path, dict[str, str]], tmp_path: Path, role: str, disabled: bool
) -> None:
    """Not even what was theirs; only what is about themselves and what is everybody's."""
    free = {Action.ME_READ, Action.SPEC_LIST, Action.SSH_KEY_OWN}
    # With a role that is no more one is a member who may nothing.
    known = "GET /images" if role == "gone" else "GET /images/{image_id}"
    public = {route for route in ROUTES if route.startswith(known) and "/transfers" not in route}
    expected = {
        route: Action(operation["x-dsw-action"]) in free or route in public
        for route, operation in ROUTES.items()
    }
    await check(Matrix(original[0], tmp_path, original[1], role, disabled=disabled), expected)


async def test_a_platform_administrator_may_all_but_run_and_enter_instances_as_no_member(
    original: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    matrix = Matrix(original[0], tmp_path, original[1], "", owner=OWNER)
    lists_of_their_own = {
        "GET /instances",
        "GET /snapshots",
        "GET /ssh-keys",
        "GET /images/transfers",
        "GET /datasets/uploads",
    }
    not_theirs = {"POST /instances", "POST /ssh/tickets", "DELETE /ssh-keys/{key_id}"}
    not_theirs.add("POST /images/{image_id}/restore")
    not_theirs.add("POST /instances/{instance_id}/mounts")
    not_theirs.add("DELETE /instances/{instance_id}/mounts/{mount_id}")
    of_one = ("{transfer_id}", "{upload_id}")
    not_theirs |= {route for route in ROUTES if any(word in route for word in of_one)}
    for route in set(ROUTES) - FOR_SERVERS - lists_of_their_own:
        async with matrix.api() as api:
            answer = await matrix.send(api, route, ADMIN)
            assert refused(route, answer) is (route in not_theirs), (route, answer.text)
