"""How Alembic connects: the URL comes from `dsw_control.store.database`."""

from __future__ import annotations

import asyncio
from typing import Literal

from alembic import context
from sqlalchemy import Connection, text

from dsw_control.store.database import open_engine
from dsw_control.store.tables import Base, UtcDateTime

LOCK = 0x6473775F6D696772
"""Key of PostgreSQL's lock; on SQLite the writing transaction is the lock."""


def _render(kind: str, item: object, _context: object) -> str | Literal[False]:
    """A migration must not depend on today's classes: the column type in its plain form."""
    return "sa.DateTime(timezone=True)" if isinstance(item, UtcDateTime) else False


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,
        compare_type=True,
        render_item=_render,
    )
    context.run_migrations()


async def _main() -> None:
    """All in one transaction, with the lock that lets one process at a time migrate: whoever is
    killed leaves what was there before, and whoever waited sees the new revision."""
    engine = open_engine(context.config.attributes["url"]).execution_options(dsw_write=True)
    try:
        async with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                await connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
            await connection.run_sync(_run)
    finally:
        await engine.dispose()


asyncio.run(_main())
