"""A workbench that has been used for a while, written straight into control's database."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import create_engine, insert
from sqlalchemy.engine import make_url

from dsw.instances import Desired, InstanceState
from dsw.names import BASE32, ID_LENGTH
from dsw.quota import Limits, Quota
from dsw.settings import Settings
from dsw.specs import Spec
from dsw.workspaces import Policy
from dsw_control.store.database import upgrade
from dsw_control.store.tables import (
    Allocation,
    Base,
    Event,
    Instance,
    Member,
    User,
    Workspace,
    WorkspaceQuota,
)

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
GROUP = "local"


@dataclass(frozen=True)
class Size:
    """How much there is; every fifth instance holds resources."""

    instances: int = 10_000
    users: int = 1_000
    workspaces: int = 100


@dataclass(frozen=True)
class Place:
    """Where a user is: in which workspaces, the first of which they administrate if `admin`."""

    user: str
    workspaces: list[str]
    admin: bool


class World:
    """The rows, and what the requests need to know of them."""

    def __init__(self, size: Size, settings: Settings) -> None:
        self.size = size
        self.settings = settings
        self._random = random.Random(3)
        self.image = self._id("img")
        self.workspaces = [self._id("ws") for _ in range(size.workspaces)]
        self.places = [self._place(number) for number in range(size.users)]
        self.instances: list[str] = []
        self.owners: dict[str, str] = {}
        self.running: dict[str, list[str]] = {place.user: [] for place in self.places}

    def fill(self, url: str) -> None:
        """Make the tables and the rows."""
        upgrade(url)
        drivers = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}
        parsed = make_url(url)
        engine = create_engine(parsed.set(drivername=drivers[parsed.get_backend_name()]))
        with engine.begin() as connection:
            for table, rows in self._tables():
                connection.execute(insert(table), list(rows))
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            # As the database does by itself after a while.
            connection.exec_driver_sql("ANALYZE")
        engine.dispose()

    def _tables(self) -> Iterator[tuple[type[Base], Iterator[dict[str, Any]]]]:
        yield Workspace, self._workspace_rows()
        yield WorkspaceQuota, self._quota_rows()
        yield User, ({"name": place.user, "seen_at": START} for place in self.places)
        yield Member, self._member_rows()
        rows = [self._instance_row(number) for number in range(self.size.instances)]
        yield Instance, iter(rows)
        yield Allocation, (_allocation(row) for row in rows if row["state"] == "Running")
        yield Event, (_event(row) for row in rows for _ in range(5))

    def _id(self, kind: str) -> str:
        return f"{kind}-{''.join(self._random.choices(BASE32, k=ID_LENGTH))}"

    def _place(self, number: int) -> Place:
        first = number % len(self.workspaces)
        others = self._random.sample(range(len(self.workspaces)), 2)
        mine = list(dict.fromkeys([first, *others]))
        return Place(
            user=f"user{number:04}",
            workspaces=[self.workspaces[index] for index in mine],
            admin=number < len(self.workspaces),
        )

    def _workspace_rows(self) -> Iterator[dict[str, Any]]:
        for number, key in enumerate(self.workspaces):
            yield {
                "id": key,
                "name": f"team{number:03}",
                "display_name": f"Team {number}",
                "policy": Policy().model_dump(mode="json"),
                "created_at": START,
            }

    def _quota_rows(self) -> Iterator[dict[str, Any]]:
        limits = Limits(instances=5_000, cpu=20_000)
        quota = Quota(limits=limits, per_member=Limits(instances=1_000))
        for key in self.workspaces:
            yield {
                "workspace_id": key,
                "resource_group": GROUP,
                "quota": quota.model_dump(mode="json"),
            }

    def _member_rows(self) -> Iterator[dict[str, Any]]:
        for place in self.places:
            for index, key in enumerate(place.workspaces):
                yield {
                    "workspace_id": key,
                    "username": place.user,
                    "roles": ["admin" if place.admin and not index else "developer"],
                    "group_roles": [],
                    "added_at": START,
                }

    def _instance_row(self, number: int) -> dict[str, Any]:
        place = self.places[number % len(self.places)]
        key, name = self._id("dsw"), f"env{number // len(self.places)}"
        runs = number % 5 == 0
        self.instances.append(key)
        self.owners[key] = place.user
        if runs:
            self.running[place.user].append(name)
        moment = START + timedelta(minutes=number)
        spec: Spec = self.settings.specs[0]
        return {
            "id": key,
            "owner": place.user,
            "name": name,
            "display_name": f"Environment {number}",
            "workspace_id": self._random.choice(place.workspaces),
            "image_id": self.image,
            "image_name": "local",
            "spec": spec.model_dump(mode="json"),
            "resource_group": GROUP,
            "desired": Desired.RUNNING if runs else Desired.STOPPED,
            "state": InstanceState.RUNNING if runs else InstanceState.STOPPED,
            "asked": runs,
            "attempt": 1,
            "created_at": moment,
            "changed_at": moment,
            "started_at": moment if runs else None,
            "stopped_at": None if runs else moment,
        }


def _allocation(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "holder_id": row["id"],
        "kind": "instance",
        "workspace_id": row["workspace_id"],
        "resource_group": GROUP,
        "owner": row["owner"],
        "priority": 5,
        "cpu": row["spec"]["cpu"],
        "memory": row["spec"]["memory"],
        "gpu": 0,
        "gpu_type": "",
        "started_at": row["created_at"],
    }


def _event(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "at": row["created_at"],
        "object_id": row["id"],
        "kind": "instance",
        "state": row["state"],
    }
