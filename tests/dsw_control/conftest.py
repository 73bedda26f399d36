"""Use cases on real databases: SQLite, and a PostgreSQL server that the tests start."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.polling import eventually
from tests.workbenches import free_ports

from dsw.settings import Settings
from dsw_control import catalog, workspaces
from dsw_control.context import Control
from dsw_control.main import build


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """URL of an empty PostgreSQL server on loopback; a new database is made from it per test."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"))
    # The server refuses to run as root, and its folder must not be below a private one.
    folder = Path(tempfile.mkdtemp(prefix="dsw-postgresql-"))
    as_user: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    (port,) = free_ports(1)
    data = folder / "data"
    subprocess.run(
        [*as_user, programs / "initdb", "-D", data, "-U", "dsw", "--auth=trust", "--no-sync"],
        check=True,
        capture_output=True,
    )
    flags = ["-p", str(port), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-k", folder]
    server = subprocess.Popen(
        [*as_user, programs / "postgres", "-D", data, *flags], stderr=subprocess.DEVNULL
    )
    try:
        ready = [programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
        eventually(lambda: subprocess.run(ready, check=False).returncode == 0, 30)
        yield f"postgresql://dsw@127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)
        shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/control.sqlite"
    server = request.getfixturevalue("postgresql")

    name = f"test_{tmp_path.name}".lower().replace("-", "_")[:60]
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return f"{server}/{name}"


MakeControl = Callable[..., Any]


@pytest.fixture
async def make_control(database_url: str, tmp_path: Path) -> AsyncIterator[MakeControl]:
    """Makes control processes (without HTTP and loops) on one database."""
    made: list[Control] = []

    async def make(**sections: Any) -> Control:
        settings = Settings.model_validate(
            {
                "data_dir": str(tmp_path),
                "engine": {"kind": "process"},
                "control": {"database": database_url},
                **sections,
            }
        )
        control = build(settings)
        await control.db.migrate()
        await workspaces.ensure_default(control)
        await catalog.refresh_official(control)
        made.append(control)
        return control

    yield make
    for control in made:
        await control.hub.close()
        await control.db.close()
