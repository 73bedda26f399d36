"""Migrations lead to the tables that the code has, and can be run again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from alembic import command
from sqlalchemy import func, select

from dsw.errors import ConfigError
from dsw_control.store.database import Database, alembic_config, async_url, upgrade
from dsw_control.store.sqlite import CHUNK
from dsw_control.store.tables import User

NOW = datetime(2026, 5, 4, tzinfo=UTC)


def test_the_migrations_make_the_tables_of_the_code(database_url: str) -> None:
    for _ in range(2):
        upgrade(database_url)
    command.check(alembic_config(async_url(database_url)))


def test_there_is_no_way_back_but_the_backup(database_url: str) -> None:
    upgrade(database_url)
    with pytest.raises(NotImplementedError, match="backup"):
        command.downgrade(alembic_config(async_url(database_url)), "base")
    command.check(alembic_config(async_url(database_url)))


async def test_another_kind_of_database_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="mysql is not supported"):
        Database("mysql://x/y")


async def test_a_writing_transaction_that_fails_leaves_nothing(database_url: str) -> None:
    database = Database(database_url)
    await database.migrate()

    async def fail() -> None:
        async with database.write() as session:
            session.add(User(name="ada", seen_at=NOW))
            await session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    async with database.read() as session:
        assert await session.get(User, "ada") is None
    await database.close()


async def test_writers_wait_for_each_other(database_url: str) -> None:
    database = Database(database_url)
    await database.migrate()

    async def add(number: int) -> None:
        async with database.write() as session:
            session.add(User(name=f"user{number}", seen_at=NOW))

    await asyncio.gather(*(add(number) for number in range(50)))
    await database.close()


async def test_long_answers_are_read_whole_and_as_a_stream(database_url: str) -> None:
    database = Database(database_url)
    await database.migrate()
    names = [f"user{number:05}" for number in range(2 * CHUNK + 1)]
    async with database.write() as session:
        session.add_all(User(name=name, seen_at=NOW) for name in names)
    query = select(User.name).order_by(User.name)
    async with database.read() as session:
        for count in (0, 1, CHUNK - 1, CHUNK, CHUNK + 1, len(names)):
            assert list(await session.scalars(query.limit(count))) == names[:count]
        streamed = await session.stream_scalars(query.execution_options(yield_per=300))
        assert [name async for name in streamed] == names
        half = await session.stream_scalars(query)
        assert await half.fetchmany(CHUNK + 5) == names[: CHUNK + 5]
        await half.close()
        assert await session.scalar(select(func.count()).select_from(User)) == len(names)
    await database.close()
