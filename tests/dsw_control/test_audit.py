"""The audit log: what was done and what was refused is in it, nobody changes it, few read it."""

from __future__ import annotations

import csv
import io
import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import delete, make_url, select, text, update
from sqlalchemy.exc import DBAPIError
from tests.docs import pages
from tests.dsw_control.apis import ADMIN, Api
from tests.dsw_control.conftest import MakeApi, MakeControl
from tests.dsw_control.starts import ROOMY
from tests.stub_hub import instance_token

from dsw.audit import AuditView, Outcome
from dsw.images import ImageSource
from dsw.roles import Action
from dsw_control.api.denied import _TABLES
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.engines.process import ProcessEngine
from dsw_control.openapi import document
from dsw_control.records import denials
from dsw_control.records.attempts import DISTINCT, WINDOW, Attempt, Attempts
from dsw_control.records.audit import CONTROL, record
from dsw_control.records.export import csv_text
from dsw_control.store.tables import AuditEntry, Image, Instance

MOMENT = datetime(2026, 3, 10, 12, tzinfo=UTC)


def write(control: Control, caller: Caller | None = None, **detail: Any) -> Any:
    """One line in a transaction of its own."""

    async def run() -> None:
        async with control.db.write() as session:
            record(session, control, caller, Action.IMAGE_ADD, ("img-1", "ws-1"), **detail)

    return run()


async def lines(api: Api, who: str = ADMIN, **query: Any) -> list[AuditView]:
    """What somebody reads in the log, the newest first."""
    asked = "&".join(f"{key}={value}" for key, value in query.items())
    page = await api.ok(who, "GET", f"/audit?{asked}")
    return [AuditView.model_validate(item) for item in page["items"]]


@pytest.mark.parametrize(
    "attack",
    [
        text("UPDATE audit_log SET actor = 'bob'"),
        text("DELETE FROM audit_log"),
        text("DELETE FROM audit_log WHERE id = 1"),
        update(AuditEntry).values(actor="bob"),
        delete(AuditEntry),
        text(
            "INSERT INTO audit_log (id, at, actor, platform_admin, action, object_id, outcome, "
            "code, request_id, detail) SELECT id, at, 'bob', platform_admin, action, object_id, "
            "outcome, code, request_id, detail FROM audit_log WHERE true "
            "ON CONFLICT (id) DO UPDATE SET actor = 'bob'"
        ),
    ],
    ids=str,
)
async def test_no_statement_changes_a_line(make_control: MakeControl, attack: Any) -> None:
    control: Control = await make_control()
    await write(control, Caller(name="ada"))
    with pytest.raises(DBAPIError, match="the audit log is append-only"):
        async with control.db.write() as session:
            await session.execute(attack)
    async with control.db.read() as session:
        assert (await session.get_one(AuditEntry, 1)).actor == "ada"


async def test_the_orm_cannot_change_a_line_either(make_control: MakeControl) -> None:
    control: Control = await make_control()
    await write(control, Caller(name="ada"))

    async def change() -> None:
        async with control.db.write() as session:
            (await session.get_one(AuditEntry, 1)).actor = "bob"

    async def remove() -> None:
        async with control.db.write() as session:
            await session.delete(await session.get_one(AuditEntry, 1))

    for attack in (change, remove):
        with pytest.raises(DBAPIError, match="the audit log is append-only"):
            await attack()


async def test_each_database_refuses_its_own_way_around(make_control: MakeControl) -> None:
    control: Control = await make_control()
    await write(control, Caller(name="ada"))
    attack = "TRUNCATE audit_log"
    if control.db.is_sqlite:
        attack = (
            "INSERT OR REPLACE INTO audit_log (id, at, actor, platform_admin, action, object_id, "
            "outcome, code, request_id, detail) SELECT id, at, 'bob', platform_admin, action, "
            "object_id, outcome, code, request_id, detail FROM audit_log"
        )
    with pytest.raises(DBAPIError, match="the audit log is append-only"):
        async with control.db.write() as session:
            await session.execute(text(attack))


async def test_old_lines_are_taken_out_as_the_page_says(make_control: MakeControl) -> None:
    control: Control = await make_control()
    for year in (2025, 2026):
        control.clock = lambda year=year: MOMENT.replace(year=year)
        await write(control, Caller(name="ada"))
    of_postgresql, of_sqlite = pages.blocks("docs/operators/usage-and-audit.md", "sql")
    if control.db.is_sqlite:
        with closing(sqlite3.connect(str(make_url(control.db.url).database))) as owner:
            owner.executescript(of_sqlite)
    else:
        url = make_url(control.db.url).set(drivername="postgresql")
        with psycopg.connect(url.render_as_string(), autocommit=True) as connection:
            connection.execute(of_postgresql)
    async with control.db.read() as session:
        assert [row.at.year for row in await session.scalars(select(AuditEntry))] == [2026]
    with pytest.raises(DBAPIError, match="the audit log is append-only"):
        async with control.db.write() as session:
            await session.execute(delete(AuditEntry))


@pytest.fixture
async def api(make_api: MakeApi) -> Api:
    """A workbench with the workspace `team` of ada, and bob in the default one only."""
    api: Api = await make_api(**ROOMY)
    await api.ok(ADMIN, "POST", "/workspaces", {"name": "team", "owner": "ada"})
    await api.ok("bob", "GET", "/me")
    return api


async def create(api: Api, who: str, workspace: str, **more: Any) -> Any:
    (image,) = (await api.ok(who, "GET", "/images"))["items"]
    body = {"image": image["id"], "spec": "cpu", "workspace": workspace, "start": False, **more}
    return await api.ok(who, "POST", "/instances", body)


async def test_what_is_done_to_instances_is_in_the_log(api: Api) -> None:
    item = await create(api, "ada", "team")
    path = f"/instances/{item['id']}"
    await api.ok("ada", "PATCH", path, {"display_name": "other"})
    await api.ok("ada", "POST", f"{path}/start")
    await api.ok("ada", "POST", f"{path}/stop")
    await api.ok("ada", "DELETE", path)
    found = await lines(api, "ada", workspace="team", object=item["id"])
    assert [line.detail["did"] for line in reversed(found)] == [
        "create",
        "change",
        "start",
        "stop",
        "delete",
    ]
    assert {(line.actor, line.outcome, line.workspace_id) for line in found} == {
        ("ada", Outcome.DONE, item["workspace_id"])
    }
    assert all(line.request_id for line in found)


class Isolated(ProcessEngine):
    """An engine that would save instances; nothing is started in this test."""

    isolated = True


async def test_every_change_is_one_line(api: Api) -> None:
    api.control.engine = Isolated(api.control.settings)
    item = await create(api, "ada", "team")
    instance = f"/instances/{item['id']}"
    async with api.control.db.write() as session:
        session.add(
            Image(
                id="img-aaaabbbbcccc",
                name="saved",
                description="",
                source=ImageSource.SNAPSHOT,
                workspace_id=item["workspace_id"],
                owner="ada",
                reference="x",
                digest="x",
                created_at=MOMENT,
            )
        )
    requests: list[tuple[str, str, Any]] = [
        ("PATCH", instance, {"display_name": "other"}),
        ("POST", f"{instance}/snapshots", {"name": "saved"}),
        ("POST", "/snapshots/{id}/cancel", None),
        ("POST", f"{instance}/start", None),
        ("POST", f"{instance}/stop", None),
        ("DELETE", "/images/img-aaaabbbbcccc", None),
        ("DELETE", instance, None),
    ]
    answer: Any = {}
    for method, path, body in requests:
        before = await lines(api, "ada", workspace="team")
        answer = await api.ok("ada", method, path.format(**(answer or {})), body)
        line, *rest = await lines(api, "ada", workspace="team")
        assert rest == before, path
        assert (line.actor, line.outcome) == ("ada", Outcome.DONE)
        assert line.object_id in f"{path} {answer}"


async def test_an_instance_is_named_with_its_owner(api: Api) -> None:
    item = await create(api, "ada", "team", name="train")
    await write(api.control, Caller(name="ada", server="train"))
    (line, *_) = await lines(api, actor=item["id"])
    assert (line.actor, line.on_behalf_of) == (item["id"], "ada")
    assert await lines(api, actor="ada", action="image.add") == [line]


async def test_a_user_named_like_another_actor_is_told_from_it(api: Api) -> None:
    for name in (CONTROL, "dsw-aaaabbbbcccc", "user", "controller"):
        await write(api.control, Caller(name=name))
    await write(api.control, None)
    actors = [line.actor for line in await lines(api, action="image.add")]
    assert actors == [CONTROL, "controller", "user", "user/dsw-aaaabbbbcccc", f"user/{CONTROL}"]


async def test_an_administrator_from_outside_is_seen_as_one(api: Api) -> None:
    await api.ok(ADMIN, "PATCH", "/workspaces/team", {"description": "mine now"})
    (line, *_) = await lines(api, "ada", workspace="team")
    assert (line.actor, line.detail["platform_admin"]) == (ADMIN, True)
    await api.ok("ada", "PUT", f"/workspaces/team/members/{ADMIN}", {"roles": ["owner"]})
    await api.ok(ADMIN, "PATCH", "/workspaces/team", {"description": "as a member"})
    (line, *_) = await lines(api, "ada", workspace="team")
    assert "platform_admin" not in line.detail


async def test_what_the_role_does_not_allow_is_in_the_log(api: Api) -> None:
    await api.ok("ada", "PUT", "/workspaces/team/members/bob", {"roles": ["guest"]})
    answer = await api.send("bob", "PATCH", "/workspaces/team", {"description": "x"})
    assert answer.status_code == 403
    (line, *_) = await lines(api, "ada", workspace="team", outcome="denied")
    assert (line.actor, line.object_id, line.code) == ("bob", "team", "forbidden")
    assert line.detail == {"route": "PATCH /workspaces/{workspace}"}
    assert line.request_id == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/instances/{id}"),
        ("DELETE", "/instances/{id}"),
        ("POST", "/instances/{id}/start"),
        ("GET", "/workspaces/team"),
        ("PUT", "/workspaces/team/members/bob"),
        ("GET", "/audit?workspace=team"),
        ("GET", "/usage?workspace=team"),
    ],
)
async def test_a_probe_of_another_workspace_is_in_its_log(api: Api, method: str, path: str) -> None:
    item = await create(api, "ada", "team")
    body = {"roles": ["owner"]} if method == "PUT" else None
    answer = await api.send("bob", method, path.format(id=item["id"]), body)
    assert answer.status_code == 404
    assert item["workspace_id"] not in answer.text
    (line,) = await lines(api, "ada", workspace="team", outcome="denied")
    assert (line.actor, line.code) == ("bob", "not_found")


async def test_a_start_in_another_workspace_is_in_its_log(api: Api) -> None:
    (image,) = (await api.ok("bob", "GET", "/images"))["items"]
    body = {"image": image["id"], "spec": "cpu", "workspace": "team"}
    assert (await api.send("bob", "POST", "/instances", body)).status_code == 404
    (line,) = await lines(api, "ada", workspace="team", outcome="denied")
    assert line.detail == {"route": "POST /instances"}


async def test_what_an_instance_may_not_do_is_in_the_log(api: Api) -> None:
    await create(api, "ada", "team", name="one")
    other = await create(api, "ada", "team", name="two")
    answer = await api.send(instance_token("ada", "one"), "GET", f"/instances/{other['id']}")
    assert answer.status_code == 404
    (line,) = await lines(api, outcome="denied")
    assert (line.on_behalf_of, line.object_id) == ("ada", other["id"])


async def test_what_does_not_exist_is_no_denial(api: Api) -> None:
    item = await create(api, "ada", "team")
    other = await create(api, "ada", "team", name="other")
    await api.ok("ada", "DELETE", f"/instances/{item['id']}")
    async with api.control.db.write() as session:
        row = await session.get_one(Instance, item["id"])
        row.deleted_at = MOMENT
    for who, method, path in (
        ("bob", "GET", f"/instances/{item['id']}"),
        ("bob", "GET", "/instances/dsw-aaaabbbbcccc"),
        ("bob", "GET", "/workspaces/none"),
        ("ada", "DELETE", f"/queue/{other['id']}"),
        ("ada", "DELETE", f"/instances/{other['id']}/shares/shr-aaaabbbbcccc"),
        ("ada", "DELETE", "/workspaces/team/members/nobody"),
        (ADMIN, "DELETE", "/workspaces/team/members/nobody"),
    ):
        assert (await api.send(who, method, path)).status_code == 404, path
    assert await lines(api, outcome="denied") == []


def test_every_kind_of_id_in_a_path_is_known_to_the_log() -> None:
    paths = document()["paths"]
    assert {name for path in paths for name in re.findall(r"{(\w+_id)}", path)} == set(_TABLES)


async def test_who_was_removed_and_comes_back_is_in_the_log(api: Api) -> None:
    await api.ok("ada", "PUT", "/workspaces/team/members/bob", {"roles": ["developer"]})
    item = await create(api, "bob", "team")
    await api.ok("ada", "DELETE", "/workspaces/team/members/bob")
    assert (await api.send("bob", "GET", f"/instances/{item['id']}")).status_code == 404
    (line,) = await lines(api, "ada", workspace="team", outcome="denied")
    assert (line.actor, line.object_id) == ("bob", item["id"])


async def test_without_a_known_caller_nothing_is_written(api: Api) -> None:
    answer = await api.send({"Authorization": "Bearer nonsense"}, "GET", "/audit")
    assert answer.status_code == 401
    assert await lines(api, outcome="denied") == []


@pytest.mark.parametrize(
    "path", ["/workspaces/te%00am", "/audit?workspace=%00", "/audit?actor=%00", "/usage?user=%00"]
)
async def test_odd_characters_make_no_error_of_the_log(api: Api, path: str) -> None:
    assert (await api.send("bob", "GET", path)).status_code in (404, 422)


async def test_a_flood_is_a_line_and_a_count(api: Api) -> None:
    moment = MOMENT
    api.control.clock = lambda: moment
    item = await create(api, "ada", "team")
    for _ in range(30):
        await api.send("bob", "GET", f"/instances/{item['id']}")
    assert len(await lines(api, outcome="denied")) == 1
    await denials.flush(api.control)
    assert len(await lines(api, outcome="denied")) == 1
    moment += WINDOW
    await denials.flush(api.control)
    summary, first = await lines(api, "ada", workspace="team", outcome="denied")
    assert summary.detail == {"route": "GET /instances/{instance_id}", "times": 29}
    assert (summary.object_id, summary.request_id) == (first.object_id, first.request_id)
    assert summary.at - first.at == WINDOW
    await api.send("bob", "GET", f"/instances/{item['id']}")
    assert len(await lines(api, outcome="denied")) == 3


async def test_what_was_counted_is_written_at_a_stop(make_api: MakeApi) -> None:
    api: Api = await make_api(**ROOMY)
    async with api.app.router.lifespan_context(api.app):
        for _ in range(3):
            assert (await api.send("bob", "GET", "/audit")).status_code == 403
    again: Api = await make_api()
    assert [line.detail.get("times") for line in await lines(again, outcome="denied")] == [2, None]


def attempt(number: int, name: str = "bob", workspace: str = "ws-1") -> Attempt:
    return Attempt(
        caller=Caller(name=name),
        action=Action.IMAGE_READ,
        object_id=f"img-{number}",
        workspace_id=workspace,
        code="not_found",
    )


def test_whoever_tries_everything_fills_a_few_lines_only() -> None:
    attempts = Attempts()
    written = [attempts.note(attempt(number), MOMENT) for number in range(1000)]
    assert sum(written) == DISTINCT
    assert attempts.take(MOMENT + WINDOW - timedelta(seconds=1)) == []
    ((rest, times),) = attempts.take(MOMENT + WINDOW)
    assert (rest.object_id, times) == ("*", 1000 - DISTINCT)
    assert attempts.take(MOMENT + 2 * WINDOW, everything=True) == []


def test_a_flood_in_one_workspace_hides_nothing_in_another() -> None:
    attempts = Attempts()
    for number in range(1000):
        attempts.note(attempt(number), MOMENT)
    assert attempts.note(attempt(1, workspace="ws-2"), MOMENT)
    assert attempts.note(attempt(1, name="eve"), MOMENT)


@pytest.mark.parametrize(
    ("who", "path", "status"),
    [
        (ADMIN, "/audit", 200),
        (ADMIN, "/audit?workspace=team", 200),
        ("ada", "/audit?workspace=team", 200),
        ("ada", "/audit", 403),
        ("bob", "/audit", 403),
        ("bob", "/audit?workspace=team", 404),
        ("bob", "/audit?workspace=default", 403),
        ("bob", "/audit?workspace=none", 404),
        (ADMIN, "/audit?colour=red", 422),
        (ADMIN, "/audit?action=nothing.known", 422),
        (ADMIN, "/audit?since=0001-01-01T00:00:00%2B14:00", 422),
    ],
)
async def test_who_reads_the_log(api: Api, who: str, path: str, status: int) -> None:
    for form in (path, path.replace("/audit", "/audit.csv")):
        assert (await api.send(who, "GET", form)).status_code == status, form


async def test_the_log_of_a_workspace_has_nothing_of_another(api: Api) -> None:
    await create(api, "bob", "default")
    found = await lines(api, "ada", workspace="team")
    assert {line.workspace_id for line in found} == {found[0].workspace_id}
    assert {line.workspace_id for line in await lines(api)} > {found[0].workspace_id}


async def test_an_instance_does_not_read_the_log(api: Api) -> None:
    await create(api, "ada", "team", name="train")
    answer = await api.send(instance_token("ada", "train"), "GET", "/audit?workspace=team")
    assert answer.status_code == 403


async def test_the_log_is_read_in_pages_and_by_time(api: Api) -> None:
    moment = MOMENT
    api.control.clock = lambda: moment
    for number in range(7):
        moment = MOMENT + timedelta(hours=number)
        await write(api.control, Caller(name="ada"), number=number)
    query = "/audit?action=image.add&limit=3"
    seen, cursor = [], ""
    while cursor is not None:
        page = await api.ok(ADMIN, "GET", query + (f"&cursor={cursor}" if cursor else ""))
        seen += [item["detail"]["number"] for item in page["items"]]
        cursor = page["next"]
    assert seen == [6, 5, 4, 3, 2, 1, 0]
    found = await lines(
        api, action="image.add", since="2026-03-10T14:00:00", until="2026-03-10T16:00"
    )
    assert [line.detail["number"] for line in found] == [3, 2]


async def test_the_export_has_every_line_and_runs_no_formula(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dsw_control.records.audit_log.BATCH", 2)
    for name in ('=HYPERLINK("http://evil.example.org")', "+1", "-1", "@sum", "\tx", "plain"):
        await write(api.control, Caller(name=name))
    answer = await api.send(ADMIN, "GET", "/audit.csv?action=image.add")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="audit.csv"'
    header, *rows = csv.reader(io.StringIO(answer.text, newline=""))
    assert header == list(AuditView.model_fields)
    assert [row[header.index("actor")] for row in rows] == [
        "plain",
        "'\tx",
        "'@sum",
        "'-1",
        "'+1",
        '\'=HYPERLINK("http://evil.example.org")',
    ]
    assert not any(re.match(r"[=+\-@\t\r\n]", cell) for row in rows for cell in row)


async def test_an_export_holds_one_batch_at_a_time() -> None:
    made = 0

    async def batches() -> AsyncIterator[list[AuditView]]:
        nonlocal made
        line = AuditView(
            id=1, at=MOMENT, actor="a", action="x", object_id="", outcome=Outcome.DONE, detail={}
        )
        for _ in range(1000):
            made += 1
            yield [line] * 10

    text = csv_text(["id"], batches())
    assert await anext(text) == "id\r\n"
    assert made == 0
    assert await anext(text) == "1\r\n" * 10
    assert made == 1
