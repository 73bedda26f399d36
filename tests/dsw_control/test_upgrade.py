"""A filled database of the revision before becomes one of today, whatever interrupts it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.engine import make_url
from tests.dsw_control.conftest import MakeApi

from dsw.images import ImageUse, Visibility
from dsw.quota import Limits, Quota
from dsw.workspaces import Policy
from dsw_control.store.database import upgrade
from dsw_control.store.tables import Base

MOMENT = "2026-05-04 03:02:01.000009"
SPEC = {"name": "a", "cpu": 1.5, "memory": 3 << 30, "shared_memory": 1 << 26, "pids": 4096}
GPU_SPEC = {**SPEC, "name": "g", "gpu": 2, "gpu_type": "A100"}
QUOTA = {"instances": 0, "instances_per_user": 3, "cpu": 12.5, "memory": 64 << 30}
NO_LIMITS = {"instances": 0, "instances_per_user": 0, "cpu": 0, "memory": 0}

INSTANCES = {
    "dsw-running": ("ada", "Running", GPU_SPEC, True, ["GPU-0", "GPU-1"], None),
    "dsw-starting": ("bob", "Starting", {**SPEC, "gpu": 0, "gpu_type": ""}, True, [], None),
    "dsw-stopped": ("ada", "Stopped", GPU_SPEC, False, ["GPU-2"], None),
    "dsw-deleted": ("ada", "Deleting", GPU_SPEC, False, [], MOMENT),
}
"""Owner, state, spec, whether it is admitted, its GPUs, when it was deleted."""

IMAGES = {
    "img-official": ("official", None, None, None),
    "img-retired": ("official", None, None, MOMENT),
    "img-custom": ("custom", "ws-team", "ada", None),
    "img-saved": ("snapshot", "ws-default", "ada", None),
}
"""Source, workspace, owner, when it was retired."""


def fill(url: str) -> None:
    """What the release before left, written down with its own columns."""
    rows: list[tuple[str, dict[str, Any]]] = [
        ("workspaces", _workspace("ws-default", "default", True, QUOTA)),
        ("workspaces", _workspace("ws-team", "team", False, NO_LIMITS)),
    ]
    for workspace, user, role in (
        ("ws-default", "ada", "developer"),
        ("ws-default", "ada", "admin"),
        ("ws-default", "bob", "developer"),
        ("ws-team", "ada", "owner"),
        ("ws-team", "\u00e9va o'neil", "guest"),
    ):
        rows.append(("members", {"workspace_id": workspace, "username": user, "role": role}))
    rows += [("instances", _instance(key, values)) for key, values in INSTANCES.items()]
    rows += [("images", _image(key, values)) for key, values in IMAGES.items()]
    rows += [
        ("gpu_leases", {"device_id": gpu, "instance_id": "dsw-running"})
        for gpu in ("GPU-0", "GPU-1")
    ]
    rows.append(("snapshots", _SNAPSHOT))
    rows += [("events", _event(number)) for number in range(1, 4)]
    engine = _engine(url)
    with engine.begin() as connection:
        for table, row in rows:
            names = ", ".join(row)
            values = ", ".join(f":{name}" for name in row)
            connection.execute(sa.text(f"INSERT INTO {table} ({names}) VALUES ({values})"), row)
    engine.dispose()


def _engine(url: str) -> sa.Engine:
    drivers = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}
    parsed = make_url(url)
    return sa.create_engine(parsed.set(drivername=drivers[parsed.get_backend_name()]))


def _workspace(key: str, name: str, sudo: bool, quota: Mapping[str, float]) -> dict[str, Any]:
    return {
        "id": key,
        "name": name,
        "display_name": name.title(),
        "sudo": sudo,
        "quota": json.dumps(quota),
        "created_at": MOMENT,
    }


def _instance(key: str, values: tuple[Any, ...]) -> dict[str, Any]:
    owner, state, spec, admitted, gpus, deleted_at = values
    return {
        "id": key,
        "owner": owner,
        "name": key.removeprefix("dsw-"),
        "display_name": "Training \u8bad\u7ec3",
        "workspace_id": "ws-default",
        "image_id": "img-official",
        "image_name": "base",
        "spec": json.dumps(spec),
        "desired": "running" if admitted else "stopped",
        "state": state,
        "reason": "",
        "message": "",
        "percent": None,
        "gpus": json.dumps(gpus),
        "admitted": admitted,
        "asked": admitted,
        "attempt": 2,
        "attempts": 1,
        "failure": "",
        "replace": False,
        "created_at": MOMENT,
        "changed_at": MOMENT,
        "started_at": MOMENT if state == "Running" else None,
        "stopped_at": None,
        "deleted_at": deleted_at,
    }


def _image(key: str, values: tuple[Any, ...]) -> dict[str, Any]:
    source, workspace, owner, retired_at = values
    return {
        "id": key,
        "name": key.removeprefix("img-"),
        "description": "",
        "source": source,
        "workspace_id": workspace,
        "owner": owner,
        "reference": f"registry.example.org/{key}:1",
        "digest": f"sha256:{key}",
        "size": 5 << 30,
        "parent_id": "img-official" if source == "snapshot" else None,
        "instance_id": "dsw-running" if source == "snapshot" else None,
        "available": True,
        "created_at": MOMENT,
        "retired_at": retired_at,
    }


_SNAPSHOT = {
    "id": "snap-1",
    "instance_id": "dsw-running",
    "workspace_id": "ws-default",
    "owner": "ada",
    "name": "with torch",
    "description": "",
    "state": "Saved",
    "reason": "",
    "message": "",
    "bytes_done": 7,
    "bytes_total": 7,
    "image_id": "img-saved",
    "parent_id": "img-official",
    "cancel": False,
    "created_at": MOMENT,
    "ended_at": MOMENT,
}


def _event(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "at": MOMENT,
        "object_id": "dsw-running",
        "kind": "instance",
        "state": "Running",
        "reason": "",
        "message": "",
        "percent": None,
        "bytes_done": None,
        "bytes_total": None,
    }


def dump(url: str) -> dict[str, list[dict[str, Any]]]:
    """All rows of all tables, in an order of their own, without the revision."""
    engine = _engine(url)
    metadata = sa.MetaData()
    metadata.reflect(engine)
    found: dict[str, list[dict[str, Any]]] = {}
    with engine.connect() as connection:
        for table in metadata.sorted_tables:
            rows = [dict(row) for row in connection.execute(sa.select(table)).mappings()]
            found[table.name] = sorted(rows, key=lambda row: str(row.items()))
    engine.dispose()
    return found


def check_meaning(url: str) -> None:
    """Today's tables say what the old ones said."""
    found = dump(url)
    by_id = {
        name: {row["id"]: row for row in found[name]}
        for name in ("workspaces", "instances", "images", "snapshots", "events")
    }
    assert set(by_id["instances"]) == set(INSTANCES)
    for key, (owner, state, spec, _, gpus, _) in INSTANCES.items():
        row = by_id["instances"][key]
        assert (row["owner"], row["state"], row["spec"], row["gpus"]) == (owner, state, spec, gpus)
        assert (row["resource_group"], row["priority"], row["passed"]) == ("local", 5, 0)
        assert row["attempt"] == 2
        assert row["queued_at"] is row["queue_at"] is row["queue_place"] is None
    held = {row["holder_id"]: row for row in found["allocations"]}
    assert set(held) == {"dsw-running", "dsw-starting"}
    running = held["dsw-running"]
    amounts = [running[name] for name in ("cpu", "memory", "gpu", "gpu_type")]
    assert amounts == [1.5, 3 << 30, 2, "A100"]
    assert (running["owner"], running["workspace_id"]) == ("ada", "ws-default")
    assert running["ended_at"] is None
    assert [(row["device_id"], row["share"], row["holder_id"]) for row in found["gpu_leases"]] == [
        ("GPU-0", 0, "dsw-running"),
        ("GPU-1", 0, "dsw-running"),
    ]
    members = {(row["workspace_id"], row["username"]): row for row in found["members"]}
    assert {key: row["roles"] for key, row in members.items()} == {
        ("ws-default", "ada"): ["admin", "developer"],
        ("ws-default", "bob"): ["developer"],
        ("ws-team", "ada"): ["owner"],
        ("ws-team", "\u00e9va o'neil"): ["guest"],
    }
    assert not any(row["disabled"] or row["group_roles"] for row in members.values())
    assert {row["name"] for row in found["users"]} == {user for _, user in members}
    shown = {key: (row["visibility"], row["use"]) for key, row in by_id["images"].items()}
    assert shown == {
        "img-official": (Visibility.PUBLIC, ImageUse.UNKNOWN),
        "img-retired": (Visibility.PUBLIC, ImageUse.UNKNOWN),
        "img-custom": (Visibility.PRIVATE, ImageUse.UNKNOWN),
        "img-saved": (Visibility.PRIVATE, ImageUse.INSTANCE),
    }
    quotas = {
        row["workspace_id"]: Quota.model_validate(row["quota"]) for row in found["workspace_quotas"]
    }
    assert quotas == {
        "ws-default": Quota(
            limits=Limits(cpu=12.5, memory=64 << 30), per_member=Limits(instances=3)
        ),
        "ws-team": Quota(),
    }
    policies = {
        key: Policy.model_validate(row["policy"]) for key, row in by_id["workspaces"].items()
    }
    assert policies == {"ws-default": Policy(sudo=True), "ws-team": Policy(sudo=False)}
    assert by_id["snapshots"]["snap-1"]["image_id"] == "img-saved"
    assert set(by_id["events"]) == {1, 2, 3}


def check_schema(url: str) -> None:
    engine = _engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


@pytest.fixture
def before(database_url: str) -> str:
    """A filled database of the release before."""
    upgrade(database_url, "0001")
    fill(database_url)
    return database_url


def test_a_database_of_the_release_before_keeps_its_rows_and_their_meaning(before: str) -> None:
    upgrade(before)
    check_schema(before)
    check_meaning(before)


@pytest.fixture
def migrated_url(before: str) -> str:
    """For `make_api`, which migrates what it is given."""
    return before


async def test_control_works_with_what_was_migrated(make_api: MakeApi) -> None:
    api = await make_api()
    shown = {item["name"]: item for item in (await api.ok("ada", "GET", "/workspaces"))["items"]}
    assert shown["default"]["roles"] == ["admin", "developer"]
    assert shown["team"]["policy"]["sudo"] is False
    instances = (await api.ok("ada", "GET", "/instances"))["items"]
    assert {item["name"] for item in instances} == {"running", "stopped"}
    for user, sees in (("ada", True), ("bob", False)):
        seen = {item["name"] for item in (await api.ok(user, "GET", "/images"))["items"]}
        assert ({"custom", "saved"} <= seen) is sees


KILLED_BEFORE = """
import os, signal, sys
from sqlalchemy import event
from sqlalchemy.engine import Engine
from dsw_control.store.database import upgrade

url, text = sys.argv[1:]

@event.listens_for(Engine, "before_cursor_execute")
def each(_connection, _cursor, statement, *_):
    if text in statement:
        os.kill(os.getpid(), signal.SIGKILL)

@event.listens_for(Engine, "commit")
def last(_):
    if text == "COMMIT":
        os.kill(os.getpid(), signal.SIGKILL)

upgrade(url)
"""


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE audit_log",
        "CREATE TABLE members",
        "INSERT INTO users",
        "INSERT INTO gpu_leases",
        "ix_instances_created_at_id",
        "UPDATE workspaces",
        "UPDATE images",
        "UPDATE alembic_version",
        "COMMIT",
    ],
)
def test_a_migration_that_is_killed_half_way_can_be_run_again(before: str, statement: str) -> None:
    rows = dump(before)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_BEFORE, before, statement], capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert dump(before) == rows, "nothing of it is there"
    upgrade(before)
    check_schema(before)
    check_meaning(before)


@pytest.mark.parametrize("filled", [True, False])
def test_controls_that_start_at_once_migrate_once(database_url: str, filled: bool) -> None:
    if filled:
        upgrade(database_url, "0001")
        fill(database_url)
    code = "import sys; from dsw_control.store.database import upgrade; upgrade(sys.argv[1])"
    command = [sys.executable, "-c", code, database_url]
    started = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for process in started:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    check_schema(database_url)
    if filled:
        check_meaning(database_url)
