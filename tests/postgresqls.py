"""A PostgreSQL server of the tests' own, from the distribution's package."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from tests.polling import eventually
from tests.ports import an_unused_port

SETTINGS = (
    "listen_addresses=127.0.0.1",
    "fsync=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_wal_size=128MB",
)
MEMORY = Path("/dev/shm")
ROOM = 4 * 1024**3
"""Bytes; a server with the databases of some tests takes a part of it."""


def _place() -> Path | None:
    """Memory, where there is plenty: each database is hundreds of files."""
    enough = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM
    return MEMORY if enough else None


@contextmanager
def a_server() -> Iterator[str]:
    """The URL, without a database, of an empty server on loopback."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"))
    # The server refuses to run as root, and its folder must not be below a private one.
    folder = Path(tempfile.mkdtemp(prefix="dsw-postgresql-", dir=_place()))
    as_user: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    port = an_unused_port()
    data = folder / "data"
    subprocess.run(
        [*as_user, programs / "initdb", "-D", data, "-U", "dsw", "--auth=trust", "--no-sync"],
        check=True,
        capture_output=True,
    )
    flags = ["-p", str(port), "-k", folder]
    for setting in SETTINGS:
        flags += ["-c", setting]
    server = subprocess.Popen(
        [*as_user, programs / "postgres", "-D", data, *flags], stderr=subprocess.DEVNULL
    )
    try:
        ready = [programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
        eventually(lambda: subprocess.run(ready, check=False).returncode == 0, 30)
        yield f"postgresql://dsw@127.0.0.1:{port}"
    finally:
        # SIGINT ends it at once; SIGTERM would wait for those who are connected.
        server.send_signal(signal.SIGINT)
        server.wait(30)
        shutil.rmtree(folder)


def new_database(server: str, name: str, template: str = "template1") -> str:
    """The URL of a new database: empty, or as the template (another one's name) is."""
    name = "".join(char if char.isalnum() else "_" for char in name.lower())[:60]
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return f"{server}/{name}"


def drop_database(url: str) -> None:
    """End a database, whoever is connected."""
    server, _, name = url.rpartition("/")
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
