"""Reports of use on real databases: whose use one sees, and what is stored adds up."""

from __future__ import annotations

import csv
import io
import tracemalloc
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert
from tests.dsw_control.apis import ADMIN, Api
from tests.dsw_control.conftest import MakeApi, MakeControl
from tests.dsw_control.starts import ROOMY, create, end
from tests.stub_hub import instance_token

from dsw.instances import InstanceState
from dsw.usage import UsageBy, UsageLine, UsageQuery
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.records.usage import usage_report
from dsw_control.store.tables import Allocation, StorageUse

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
GIB = 1024**3


def held(owner: str, workspace: str, start: float, end: float | None, **more: Any) -> Allocation:
    """What was held from so many hours ago until so many hours ago."""
    fields: dict[str, Any] = {
        "holder_id": f"dsw-{owner}-{start}",
        "kind": "instance",
        "workspace_id": workspace,
        "resource_group": "local",
        "owner": owner,
        "priority": 5,
        "cpu": 2,
        "memory": GIB,
        "gpu": 0,
        "gpu_type": "",
        "started_at": NOW - timedelta(hours=start),
        "ended_at": None if end is None else NOW - timedelta(hours=end),
    }
    return Allocation(**(fields | more))


@pytest.fixture
async def api(make_api: MakeApi) -> Api:
    """The workspaces `team` (ada owns it, bob and cid are in it) and `other` (cid owns it)."""
    api: Api = await make_api(**ROOMY)
    api.control.clock = lambda: NOW
    ids = {}
    for name, owner in (("team", "ada"), ("other", "cid")):
        made = await api.ok(ADMIN, "POST", "/workspaces", {"name": name, "owner": owner})
        ids[name] = made["id"]
    for name in ("bob", "cid"):
        await api.ok("ada", "PUT", f"/workspaces/team/members/{name}", {"roles": ["developer"]})
    async with api.control.db.write() as session:
        session.add_all(
            [
                held("ada", ids["team"], 5, 3),
                held("ada", ids["team"], 1, None, gpu=2, resource_group="gpus"),
                held("bob", ids["team"], 30, 20),
                held("cid", ids["other"], 4, 0),
                held("bob", ids["team"], 24 * 40, 24 * 39),
                StorageUse(workspace_id=ids["team"], owner="bob", size=7, measured_at=NOW),
                StorageUse(workspace_id=ids["team"], owner="", size=5, measured_at=NOW),
                StorageUse(workspace_id=ids["other"], owner="", size=1, measured_at=NOW),
            ]
        )
    return api


async def lines(api: Api, who: str, query: str = "") -> dict[str, UsageLine]:
    report = await api.ok(who, "GET", f"/usage?{query}")
    return {line["key"]: UsageLine.model_validate(line) for line in report["lines"]}


async def test_the_owner_of_a_workspace_sees_all_of_it(api: Api) -> None:
    assert await lines(api, "ada", "workspace=team") == {
        "ada": UsageLine(key="ada", runs=2, hours=3, cpu_hours=6, memory_gib_hours=3, gpu_hours=2),
        "bob": UsageLine(
            key="bob",
            runs=1,
            hours=10,
            cpu_hours=20,
            memory_gib_hours=10,
            gpu_hours=0,
            storage=7,
        ),
    }


async def test_a_member_sees_their_own_use_only(api: Api) -> None:
    assert set(await lines(api, "bob", "workspace=team")) == {"bob"}
    assert set(await lines(api, "bob")) == {"bob"}
    (line,) = (await lines(api, "bob", "workspace=team&by=workspace")).values()
    assert (line.key, line.hours, line.storage) == ("team", 10, 7)


@pytest.mark.parametrize(
    ("who", "query", "status"),
    [
        ("bob", "workspace=team&user=ada", 403),
        ("bob", "user=ada", 403),
        ("ada", "user=bob", 403),
        ("ada", "workspace=team&user=bob", 200),
        ("bob", "workspace=other", 404),
        ("eve", "workspace=team", 404),
        ("eve", "", 200),
        ("bob", "since=2026-03-10&until=2026-03-09", 422),
        ("bob", "since=2020-01-01", 422),
        ("bob", "by=colour", 422),
        ("bob", "weather=fine", 422),
    ],
)
async def test_who_may_ask_for_what(api: Api, who: str, query: str, status: int) -> None:
    for route in ("usage", "usage.csv"):
        answer = await api.send(who, "GET", f"/{route}?{query}")
        assert answer.status_code == status, answer.text
        assert status == 200 or "hours" not in answer.text


async def test_an_instance_does_not_see_use(api: Api) -> None:
    answer = await api.send(instance_token("ada", "train"), "GET", "/usage")
    assert answer.status_code == 403


async def test_a_platform_administrator_sees_everything(api: Api) -> None:
    found = await lines(api, ADMIN, "by=workspace")
    assert {key: (line.hours, line.storage) for key, line in found.items()} == {
        "team": (13, 12),
        "other": (4, 1),
    }
    assert set(await lines(api, ADMIN, "user=cid")) == {"cid"}
    assert set(await lines(api, ADMIN, "by=resource_group")) == {"local", "gpus"}
    (line,) = (await lines(api, ADMIN, "resource_group=gpus")).values()
    assert (line.key, line.gpu_hours, line.storage) == ("ada", 2, None)


async def test_days_are_those_of_utc(api: Api) -> None:
    found = await lines(api, "bob", "workspace=team&by=day")
    assert {key: line.hours for key, line in found.items()} == {"2026-03-09": 10}
    found = await lines(api, "cid", "by=day&since=2026-03-10T09:00:00%2B00:00")
    assert {key: line.hours for key, line in found.items()} == {"2026-03-10": 3}


async def test_the_window_is_this_month_unless_it_is_named(api: Api) -> None:
    report = await api.ok("bob", "GET", "/usage")
    assert (report["since"], report["until"]) == ("2026-03-01T00:00:00Z", "2026-03-10T12:00:00Z")
    (line,) = (await lines(api, "bob", "since=2026-01-01&until=2026-03-01")).values()
    assert (line.runs, line.hours) == (1, 24)
    (line,) = (await lines(api, "bob", "until=2026-02-01")).values()
    assert (line.runs, line.hours) == (1, 24)


async def test_the_export_has_the_same_lines(api: Api) -> None:
    answer = await api.send("ada", "GET", "/usage.csv?workspace=team")
    header, *rows = csv.reader(io.StringIO(answer.text, newline=""))
    assert header == list(UsageLine.model_fields)
    assert rows == [
        ["ada", "2", "3.0", "6.0", "3.0", "2.0", ""],
        ["bob", "1", "10.0", "20.0", "10.0", "0.0", "7"],
    ]


async def test_a_run_counts_from_its_start_to_its_end(make_control: MakeControl) -> None:
    control: Control = await make_control(**ROOMY)
    now = NOW
    control.clock = lambda: now
    item = await create(control, "ada", "big")
    now += timedelta(hours=2)
    assert (await report(control, "ada")).cpu_hours == 8
    await end(control, item.id, InstanceState.STOPPED)
    now += timedelta(hours=7)
    line = await report(control, "ada")
    assert (line.runs, line.hours, line.cpu_hours, line.memory_gib_hours) == (1, 2, 8, 2)


async def report(control: Control, owner: str) -> UsageLine:
    (line,) = (await usage_report(control, Caller(name=owner), UsageQuery())).lines
    return line


MOMENTS = st.datetimes(datetime(2026, 3, 1), datetime(2026, 3, 14), timezones=st.just(UTC))
HELD = st.tuples(MOMENTS, MOMENTS, st.booleans(), st.sampled_from([0.1, 1, 64]), st.integers(0, 8))
Sums = tuple[float, float, float]


@pytest.fixture
async def control(make_control: MakeControl) -> Control:
    control: Control = await make_control()
    control.clock = lambda: NOW
    return control


async def sums(control: Control, by: UsageBy, since: datetime, until: datetime) -> dict[str, Sums]:
    """Hours, CPU-hours and GPU-hours by key."""
    query = UsageQuery(by=by, since=since, until=until)
    report = await usage_report(control, Caller(name="root", admin=True), query)
    return {line.key: (line.hours, line.cpu_hours, line.gpu_hours) for line in report.lines}


def added(*parts: Sums) -> Sums:
    first, second, third = (sum(column) for column in zip((0, 0, 0), *parts, strict=True))
    return first, second, third


def by_definition(row: Allocation, since: datetime, until: datetime) -> Sums:
    """What an interval adds to a window."""
    end = min(row.ended_at or NOW, until)
    hours = max((end - max(row.started_at, since)).total_seconds(), 0) / 3600
    return hours, hours * row.cpu, hours * row.gpu


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25
)
@given(
    intervals=st.lists(HELD, max_size=6),
    points=st.lists(MOMENTS, min_size=3, max_size=3, unique=True),
)
async def test_a_window_that_is_split_anywhere_has_the_same_sums(
    control: Control, intervals: list[Any], points: list[datetime]
) -> None:
    rows = []
    for number, (one, other, is_open, cpu, gpu) in enumerate(intervals):
        ends = {"started_at": min(one, other), "ended_at": None if is_open else max(one, other)}
        more = {"holder_id": f"dsw-{number}", "cpu": cpu, "gpu": gpu, **ends}
        rows.append(held(f"user{number % 2}", "ws-1", 0, 0, **more))
    async with control.db.write() as session:
        await session.execute(delete(Allocation))
        session.add_all(rows)
    since, middle, until = sorted(points)
    expected = added(*(by_definition(row, since, until) for row in rows))
    for by in UsageBy:
        whole = await sums(control, by, since, until)
        assert added(*whole.values()) == pytest.approx(expected, abs=1e-4)
        parts = [await sums(control, by, *ends) for ends in ((since, middle), (middle, until))]
        for key in whole.keys() | parts[0].keys() | parts[1].keys():
            split = added(*(part[key] for part in parts if key in part))
            assert whole[key] == pytest.approx(split, abs=1e-4)


async def test_many_intervals_are_not_held_in_memory(control: Control) -> None:
    plain = {
        column.key: getattr(held("ada", "ws-1", 2, 1), column.key)
        for column in Allocation.__table__.columns
        if column.key != "id"
    }
    many = 50_000
    async with control.db.write() as session:
        rows = [plain | {"holder_id": f"dsw-{number}"} for number in range(many)]
        await session.execute(insert(Allocation), rows)
    del rows
    admin = Caller(name="root", admin=True)
    await usage_report(control, admin, UsageQuery(user="nobody"))
    tracemalloc.start()
    (line,) = (await usage_report(control, admin, UsageQuery(by=UsageBy.WORKSPACE))).lines
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (line.key, line.runs, line.hours) == ("ws-1", many, many)
    assert peak < 8 * 1024**2
