"""How a long list is read page by page: where a page ended is told by values of its last row."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import Field
from sqlalchemy import BigInteger, ColumnElement, Select, and_, or_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from dsw.base import Model
from dsw.errors import Invalid
from dsw_control.store.tables import UtcDateTime

CURSOR_MAX = 2000
T = TypeVar("T")

Key = tuple[InstrumentedAttribute[Any], bool]
"""A column that a list is ordered by, and whether the greatest comes first."""


class PageRequest(Model):
    """Which part of a list: at most `limit` items, after the page that gave `cursor` as `next`."""

    limit: int = Field(default=200, ge=1, le=1000)
    cursor: str | None = Field(default=None, max_length=CURSOR_MAX)


async def paged(
    session: AsyncSession, query: Select[T], keys: Sequence[Key], request: PageRequest
) -> tuple[list[T], str | None]:
    """One page of the query in the order of `keys`, and the cursor of the next or None.

    The last key must be unique and none may be NULL. What is added or removed meanwhile neither
    repeats nor hides another row. `Invalid` for a cursor that is broken or of another list.
    """
    columns = [column for column, _ in keys]
    if request.cursor is not None:
        query = query.where(_after(keys, _values(keys, request.cursor)))
    query = query.order_by(*(column.desc() if down else column.asc() for column, down in keys))
    found = await session.execute(query.add_columns(*columns).limit(request.limit + 1))
    rows = found.all()
    page = rows[: request.limit]
    last = page[-1][-len(keys) :] if len(rows) > request.limit else None
    return [row[0] for row in page], None if last is None else _cursor(keys, last)


def _after(keys: Sequence[Key], values: Sequence[Any]) -> ColumnElement[bool]:
    (column, down), value = keys[0], values[0]
    beyond: ColumnElement[bool] = column < value if down else column > value
    if len(keys) == 1:
        return beyond
    # The first condition follows from the second; with it both databases begin inside an index.
    reached = column <= value if down else column >= value
    return and_(reached, or_(beyond, _after(keys[1:], values[1:])))


def _cursor(keys: Sequence[Key], values: Sequence[Any]) -> str:
    plain = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    text = json.dumps([_list_of(keys), *plain], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _values(keys: Sequence[Key], cursor: str) -> list[Any]:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
        of_list, *plain = json.loads(text)
        if of_list != _list_of(keys):
            raise ValueError("another list")
        return [_value(column, value) for (column, _), value in zip(keys, plain, strict=True)]
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise Invalid(
            "The cursor is not one of this list.",
            "Send `next` of the page before as it was, or no cursor for the first page.",
        ) from error


def _value(column: InstrumentedAttribute[Any], value: Any) -> Any:
    """The value as the column compares it; `ValueError` when the database would refuse it."""
    kind = column.type
    if isinstance(kind, UtcDateTime):
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError("no time zone")
        return moment.astimezone(UTC)
    if kind.python_type is float and type(value) is int:
        return float(value)
    if type(value) is not kind.python_type:
        raise ValueError("another type")
    if isinstance(value, str) and b"\0" in value.encode():
        raise ValueError("no text of a database")
    bits = 63 if isinstance(kind, BigInteger) else 31
    if isinstance(value, int) and abs(value) >= 1 << bits:
        raise ValueError("too great")
    return value


def _list_of(keys: Sequence[Key]) -> str:
    """What tells a list from others: its key columns and their directions."""
    names = [f"{column.class_.__name__}.{column.key} {down}" for column, down in keys]
    return hashlib.sha256(" ".join(names).encode()).hexdigest()[:8]
