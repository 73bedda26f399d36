"""Points in time as people and programs send them: any zone, without one UTC, then always UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator

_RECORDS_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)


def to_utc(moment: datetime) -> datetime:
    """The same moment in UTC; `ValueError` before 1970 and after 9999."""
    try:
        found = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError as error:
        raise ValueError("there is no such moment in UTC") from error
    if found < _RECORDS_BEGIN:
        raise ValueError("this is before 1970")
    return found


Moment = Annotated[datetime, AfterValidator(to_utc)]


def month_until(moment: datetime) -> datetime:
    """The first moment of the month that the time just before `moment` is in."""
    before = moment - timedelta(microseconds=1)
    return before.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
