"""Stored intervals summed up in the database, in the words of SQLite and of PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Date,
    Double,
    String,
    Time,
    case,
    cast,
    extract,
    func,
    literal,
    select,
    type_coerce,
)
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.usage import Amounts, Bundle, UsageBy
from dsw_control.store.tables import Allocation, UtcDateTime

BATCH = 2000

_KEYS: dict[UsageBy, Any] = {
    UsageBy.USER: Allocation.owner,
    UsageBy.WORKSPACE: Allocation.workspace_id,
    UsageBy.RESOURCE_GROUP: Allocation.resource_group,
    UsageBy.DAY: literal(""),
}


class Window(NamedTuple):
    """What is looked at, and the moment until which it counts what is held still."""

    since: datetime
    until: datetime
    now: datetime


async def bundles(
    session: AsyncSession, by: UsageBy, window: Window, conditions: list[ColumnElement[bool]]
) -> AsyncIterator[Bundle]:
    """What was held inside the window; streamed, so that it takes no memory."""
    since, until, now = (literal(moment, UtcDateTime()) for moment in window)
    ended = func.coalesce(Allocation.ended_at, now, type_=UtcDateTime())
    inside = (Allocation.started_at < until, ended > since, ended > Allocation.started_at)
    sqlite = session.get_bind().dialect.name == "sqlite"
    first, start = _parts(
        case((Allocation.started_at < since, since), else_=Allocation.started_at), sqlite
    )
    last, end = _parts(case((ended > until, until), else_=ended), sqlite)
    held = [cast(one, Double) for one in (1, Allocation.cpu, Allocation.memory, Allocation.gpu)]
    sums = [func.sum(one * times) for times in (1, start, end) for one in held]
    groups = (_KEYS[by].label("key"), first.label("first"), last.label("last"))
    rows = await session.stream(
        select(*groups, *sums)
        .where(*inside, *conditions)
        .group_by(*groups)
        .execution_options(yield_per=BATCH)
    )
    async for row in rows:
        held_sums, before, within = (Amounts(*row[at : at + 4]) for at in (3, 7, 11))
        yield Bundle(row[0], row[1], row[2], held_sums, before, within)


def _parts(
    moment: ColumnElement[datetime], sqlite: bool
) -> tuple[ColumnElement[date], ColumnElement[float]]:
    """Day and second of the day, in UTC."""
    if not sqlite:
        utc = func.timezone("UTC", moment)
        seconds = cast(extract("epoch", cast(utc, Time)), Double)
        return cast(utc, Date), seconds
    text = type_coerce(moment, String)
    hours, minutes, seconds = (
        cast(func.substr(text, begin, length), Double)
        for begin, length in ((12, 2), (15, 2), (18, 9))
    )
    return type_coerce(func.substr(text, 1, 10), Date), hours * 3600 + minutes * 60 + seconds
