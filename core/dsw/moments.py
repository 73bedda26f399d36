"""Points in time as people and programs send them: any zone, without one UTC, then always UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator


def to_utc(moment: datetime) -> datetime:
    """The same moment in UTC; `ValueError` where that is before the year 1 or after 9999."""
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("this is before the year 1 or after the year 9999 in UTC") from error


Moment = Annotated[datetime, AfterValidator(to_utc)]


def start_of_month(moment: datetime) -> datetime:
    """The first moment of its month."""
    return moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
