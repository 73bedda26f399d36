"""SQLite's driver with one visit to its thread for each statement, where it usually takes four."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Self

import aiosqlite

CHUNK = 1000
"""Rows that a statement brings along; what is beyond is fetched when it is asked for."""


class Connection(aiosqlite.Connection):
    """A connection whose statements are run, read and closed in one go."""

    def __init__(self, path: str) -> None:
        super().__init__(lambda: sqlite3.connect(path), iter_chunk_size=CHUNK)
        # So that a process ends although somebody forgot to close it.
        self._thread.daemon = True

    def cursor(self) -> Cursor:  # type: ignore[override]
        """A cursor of this kind; it costs nothing before it executes."""
        return Cursor(self)

    async def call(self, fn: Any, *args: Any) -> Any:
        """Run a function in the connection's thread."""
        return await self._execute(fn, *args)  # type: ignore[no-untyped-call]

    @property
    def plain(self) -> sqlite3.Connection:
        """The connection itself, for use in its thread."""
        return self._conn


class Cursor:
    """What SQLAlchemy needs of a cursor."""

    arraysize = 1
    description: Any = None
    rowcount = -1
    lastrowid: int | None = None

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self._open: sqlite3.Cursor | None = None

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Run a statement and read its first rows."""
        await self._connection.call(self._execute, sql, parameters)

    async def executemany(self, sql: str, parameters: Iterable[Sequence[Any]]) -> None:
        """Run a statement with each of the parameters."""
        await self._connection.call(self._executemany, sql, parameters)

    async def fetchone(self) -> Any:
        """The next row, or None."""
        return next(iter(await self.fetchmany(1)), None)

    async def fetchmany(self, size: int | None = None) -> list[Any]:
        """So many of the next rows."""
        count = size or self.arraysize
        if len(self._rows) < count and self._open is not None:
            self._rows += await self._connection.call(self._open.fetchmany, max(count, CHUNK))
        rows, self._rows = self._rows[:count], self._rows[count:]
        return rows

    async def fetchall(self) -> list[Any]:
        """All rows that are left."""
        if self._open is not None:
            self._rows += await self._connection.call(self._open.fetchall)
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        """Let go of what was not read."""
        if self._open is not None:
            cursor, self._open = self._open, None
            await self._connection.call(cursor.close)

    def _execute(self, sql: str, parameters: Sequence[Any]) -> None:
        self._done(self._connection.plain.execute(sql, parameters))

    def _executemany(self, sql: str, parameters: Iterable[Sequence[Any]]) -> None:
        self._done(self._connection.plain.executemany(sql, parameters))

    def _done(self, cursor: sqlite3.Cursor) -> None:
        self.description, self.rowcount = cursor.description, cursor.rowcount
        self.lastrowid = cursor.lastrowid
        self._rows = cursor.fetchmany(CHUNK) if cursor.description else []
        if len(self._rows) == CHUNK:
            self._open = cursor
        else:
            cursor.close()
