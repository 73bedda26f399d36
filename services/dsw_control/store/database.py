"""How control opens its database: SQLite or PostgreSQL, one transaction at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DataError, DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from dsw.errors import ConfigError, Invalid, Unavailable
from dsw_control.store import sqlite

MIGRATIONS = Path(__file__).parent / "migrations"

WRITERS = 8
"""How many transactions of this process write at once. The others wait in a row: on PostgreSQL so
that those who wait for a lock leave connections for reading, on SQLite, which lets one write and
makes the others sleep for a while, for just one."""


class Database:
    """Sessions on one database.

    A writing session takes SQLite's write lock at its beginning, so that what it read is still
    true when it writes; on PostgreSQL the use case locks the rows that it decides on.
    """

    def __init__(self, url: str) -> None:
        self.url = async_url(url)
        self.engine = open_engine(self.url)
        self._writing = self.engine.execution_options(dsw_write=True)
        self._turn = asyncio.Semaphore(1 if self.is_sqlite else WRITERS)

    @property
    def is_sqlite(self) -> bool:
        """Whether row locks mean nothing here."""
        return self.engine.dialect.name == "sqlite"

    async def migrate(self) -> None:
        """Bring the tables to the newest revision: wholly or, after a crash, not at all."""
        await asyncio.to_thread(upgrade, self.url)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """A session for reading."""
        try:
            async with AsyncSession(self.engine, expire_on_commit=False) as session:
                yield session
        except OperationalError as error:
            raise _unavailable(error) from error
        except DataError as error:
            raise _not_storable() from error

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """One writing transaction, committed at the end, rolled back on an error."""
        try:
            async with (
                self._turn,
                AsyncSession(self._writing, expire_on_commit=False) as session,
                session.begin(),
            ):
                yield session
        except OperationalError as error:
            raise _unavailable(error) from error
        except DataError as error:
            raise _not_storable() from error

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()


def async_url(url: str) -> str:
    """The URL with the driver that control uses."""
    parsed = make_url(url)
    drivers = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg"}
    backend = parsed.get_backend_name()
    if backend not in drivers:
        raise ConfigError(
            f"control.database: {backend} is not supported.", "Use sqlite:// or postgresql://."
        )
    return parsed.set(drivername=drivers[backend]).render_as_string(hide_password=False)


def open_engine(url: str) -> AsyncEngine:
    """Connections to this database; those with the option `dsw_write` write."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_async_engine(url, pool_size=2 * WRITERS, max_overflow=WRITERS)
    connect = partial(sqlite.Connection, str(parsed.database))
    engine = create_async_engine(url, async_creator=connect)
    _prepare_sqlite(engine)
    return engine


def alembic_config(url: str) -> Config:
    """Alembic's configuration for this database."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = url
    return config


def upgrade(url: str, revision: str = "head") -> None:
    """Run the migrations (blocking)."""
    try:
        command.upgrade(alembic_config(async_url(url)), revision)
    except DBAPIError as error:
        raise _unavailable(error) from error


def _prepare_sqlite(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        # The driver's own transaction handling would begin too late; ours is below.
        connection.isolation_level = None
        for pragma in ("busy_timeout=20000", "journal_mode=WAL", "synchronous=NORMAL"):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Connection) -> None:
        writing = connection.get_execution_options().get("dsw_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _unavailable(error: DBAPIError) -> Unavailable:
    return Unavailable(f"The database does not answer: {error.orig}.", "Try again in a moment.")


def _not_storable() -> Invalid:
    """PostgreSQL has no text with the character NUL, and numbers of a certain size only."""
    return Invalid("A text or a number in the request cannot be stored.", "Send another one.")
