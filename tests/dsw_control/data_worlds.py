"""A control with storage classes of every kind, and people who register datasets in them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select
from tests.dsw_control.apis import ADMIN, Api
from tests.dsw_control.conftest import MakeApi
from tests.dsw_control.teams import team
from tests.object_stores import ACCESS_KEY_ID, SECRET

from dsw.names import new_id
from dsw_control.store.tables import Dataset, DatasetVersion, Mount

MEMBERS: dict[str, str | list[str]] = {
    "adam": "admin",
    "dora": "developer",
    "dave": "developer",
    "lara": "labeler",
    "gina": "guest",
}
STORE = "http://127.0.0.1:9"
"""Where nobody answers."""


def classes_in(folder: Path, store: str = STORE) -> list[dict[str, Any]]:
    """Directories below `folder` that may be written, only read, or are the workspace `blue`'s; an
    export; a part of a bucket with its key, and buckets that credentials open; a claim."""
    s3 = {"endpoint": store, "path_style": True}
    return [
        {"name": "data", "kind": "host", "root": str(folder / "data"), "writable": True},
        {"name": "archive", "kind": "host", "root": str(folder / "archive")},
        {
            "name": "blue",
            "kind": "host",
            "root": str(folder / "blue"),
            "workspaces": ["blue"],
        },
        {"name": "exports", "kind": "nfs", "server": "nas.example.org", "export": "/vol/data"},
        {
            "name": "objects",
            "kind": "s3",
            "bucket": "pictures",
            "prefix": "team/",
            "access_key_id": ACCESS_KEY_ID,
            "writable": True,
            **s3,
        },
        {"name": "own-buckets", "kind": "s3", **s3},
        {"name": "lake", "kind": "oss", "endpoint": "https://oss.example.org", "path_style": False},
        {"name": "claims", "kind": "pvc", "claim": "big-data"},
    ]


@dataclass
class DataWorld:
    """The workspaces `team` and `blue`, both of olga, and the first one's members."""

    api: Api
    folder: Path

    async def add(self, who: str = "dora", **values: Any) -> Any:
        """A new dataset of `team`."""
        body = {"workspace": "team", "name": "pets", **values}
        return await self.api.ok(who, "POST", "/datasets", body)

    async def refusal(self, who: str = "dora", **values: Any) -> tuple[int, str]:
        """Status and sentence of a dataset that is not let in; nothing was written."""
        before = await self.stored()
        body = {"workspace": "team", "name": "wrong", **values}
        answer = await self.api.send(who, "POST", "/datasets", body)
        assert await self.stored() == before
        return answer.status_code, answer.json()["detail"]

    async def stored(self) -> list[str]:
        """The ids of all datasets in the database."""
        async with self.api.control.db.read() as session:
            return list(await session.scalars(select(Dataset.id).order_by(Dataset.id)))

    async def rows(self, dataset_id: str, number: int = 1) -> tuple[Dataset, DatasetVersion]:
        """A dataset and one of its versions as the database has them."""
        async with self.api.control.db.read() as session:
            row = await session.get_one(Dataset, dataset_id)
            return row, await session.get_one(DatasetVersion, (dataset_id, number))

    async def credential(self, workspace: str = "team", **values: Any) -> str:
        """A stored credential, by default one of the object store."""
        body = {"name": "store", "kind": "object-store", "host": STORE.removeprefix("http://")}
        body |= {"username": ACCESS_KEY_ID, "workspace": workspace, "secret": SECRET, **values}
        return str((await self.api.ok(ADMIN, "POST", "/credentials", body))["id"])

    async def mounted(self, dataset_id: str, instance: Any) -> str:
        """An instance has it; the id of the mount."""
        now = self.api.control.clock()
        row = Mount(
            id=new_id("mnt"),
            instance_id=instance["id"],
            workspace_id=instance["workspace_id"],
            dataset_id=dataset_id,
            kind="static",
            name="pets",
            target="/mnt/data/pets",
            access="ro",
            state="Unmounted",
            created_by=instance["owner"],
            created_at=now,
            changed_at=now,
        )
        async with self.api.control.db.write() as session:
            session.add(row)
        return row.id


async def make_world(make_api: MakeApi, folder: Path, store: str = STORE) -> DataWorld:
    """The world, with the directories of its classes and a `data-secret` beside them."""
    for name in ("data", "data-secret", "archive", "blue"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "inside").mkdir(exist_ok=True)
    api: Api = await make_api(storage_classes=classes_in(folder, store))
    secret = api.control.settings.data / "secrets" / "storage-objects"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    await team(api, **MEMBERS)
    await team(api, "blue")
    return DataWorld(api, folder)
