"""Use cases on real databases: SQLite, and a PostgreSQL server that the tests start."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.dsw_control.apis import Api
from tests.postgresqls import drop_database, new_database

from dsw.settings import Settings
from dsw_control.assets.official import OfficialImages
from dsw_control.capacity import groups
from dsw_control.context import Control
from dsw_control.main import build
from dsw_control.store.database import upgrade
from dsw_control.tenancy import workspaces


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/control.sqlite"
    server: str = request.getfixturevalue("postgresql")
    return new_database(server, tmp_path.name)


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the newest tables, to be copied: that is quicker than migrating anew."""
    file = tmp_path_factory.mktemp("migrated") / "control.sqlite"
    upgrade(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def migrated_postgresql(postgresql: str) -> str:
    """The name of such a database on the server."""
    upgrade(new_database(postgresql, "migrated"))
    return "migrated"


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of each kind with the newest tables."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_sqlite"), tmp_path / "control.sqlite")
        yield f"sqlite:///{tmp_path}/control.sqlite"
        return
    server: str = request.getfixturevalue("postgresql")
    template: str = request.getfixturevalue("migrated_postgresql")
    url = new_database(server, tmp_path.name, template)
    yield url
    drop_database(url)


MakeControl = Callable[..., Any]


@pytest.fixture
async def make_control(migrated_url: str, tmp_path: Path) -> AsyncIterator[MakeControl]:
    """Makes control processes (without HTTP and loops) on one database."""
    made: list[Control] = []

    async def make(**sections: Any) -> Control:
        settings = Settings.model_validate(
            {
                "data_dir": str(tmp_path),
                "engine": {"kind": "process"},
                "control": {"database": migrated_url},
                **sections,
            }
        )
        control = build(settings)
        await control.db.migrate()
        await workspaces.ensure_default(control)
        await groups.refresh(control)
        await OfficialImages(control).turn()
        made.append(control)
        return control

    yield make
    for control in made:
        await control.hub.close()
        await control.db.close()


MakeApi = Callable[..., Any]


@pytest.fixture
async def make_api(make_control: MakeControl) -> AsyncIterator[MakeApi]:
    """Makes the HTTP API of such a control; takes the same sections."""
    made: list[Api] = []

    async def make(**sections: Any) -> Api:
        made.append(Api(await make_control(**sections)))
        return made[-1]

    yield make
    for api in made:
        await api.close()
