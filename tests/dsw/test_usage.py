"""Sums of use: what lies in a window counts, exactly and once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from dsw.moments import Moment, month_until
from dsw.usage import Interval, Totals, UsageBy, UsageLine

DAY = datetime(2026, 3, 10, tzinfo=UTC)
GIB = 1024**3


def at(hours: float) -> datetime:
    return DAY + timedelta(hours=hours)


def held(start: float, end: float | None, **more: object) -> Interval:
    fields: dict[str, object] = {
        "owner": "ada",
        "workspace_id": "ws-1",
        "resource_group": "local",
        "cpu": 2.0,
        "memory": 4 * GIB,
        "gpu": 1,
        "started_at": at(start),
        "ended_at": None if end is None else at(end),
    }
    return Interval(**(fields | more))  # type: ignore[arg-type]


def lines(
    by: UsageBy, intervals: list[Interval], window: tuple[float, float], now: float = 1000
) -> dict[str, UsageLine]:
    totals = Totals(by, (at(window[0]), at(window[1])), at(now))
    for interval in intervals:
        totals.add(interval)
    return {key: total.line(key) for key, total in totals.items()}


@pytest.mark.parametrize(
    ("start", "end", "now", "hours"),
    [
        (1, 3, 1000, 2),
        (-5, 3, 1000, 3),
        (20, 30, 1000, 4),
        (-5, 50, 1000, 24),
        (0, 24, 1000, 24),
        (2, None, 12, 10),
        (2, None, 1000, 22),
        (-9, None, 12, 12),
    ],
)
def test_the_part_in_the_window_counts(
    start: float, end: float | None, now: float, hours: float
) -> None:
    (line,) = lines(UsageBy.USER, [held(start, end)], (0, 24), now).values()
    assert line == UsageLine(
        key="ada",
        runs=1,
        hours=hours,
        cpu_hours=2 * hours,
        memory_gib_hours=4 * hours,
        gpu_hours=hours,
    )


@pytest.mark.parametrize(
    ("start", "end", "now"),
    [(-5, -1, 1000), (-5, 0, 1000), (24, 30, 1000), (30, None, 1000), (5, 5, 1000), (9, None, 8)],
)
def test_what_is_outside_the_window_does_not_count(
    start: float, end: float | None, now: float
) -> None:
    assert lines(UsageBy.USER, [held(start, end)], (0, 24), now) == {}


def test_lines_are_for_users_workspaces_groups_or_days() -> None:
    intervals = [
        held(0, 1),
        held(0, 2, owner="bob"),
        held(0, 4, workspace_id="ws-2"),
        held(20, 28, resource_group="big"),
    ]
    expected = {
        UsageBy.USER: {"ada": 13, "bob": 2},
        UsageBy.WORKSPACE: {"ws-1": 11, "ws-2": 4},
        UsageBy.RESOURCE_GROUP: {"local": 7, "big": 8},
        UsageBy.DAY: {"2026-03-10": 11, "2026-03-11": 4},
    }
    for by, hours in expected.items():
        found = lines(by, intervals, (0, 100))
        assert {key: line.hours for key, line in found.items()} == hours


def test_a_run_over_midnight_is_one_run_of_each_day() -> None:
    found = lines(UsageBy.DAY, [held(23, 49)], (0, 100))
    assert [(line.runs, line.hours) for line in found.values()] == [(1, 1), (1, 24), (1, 1)]


MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2026, 3, 1), timezones=st.just(UTC))
INTERVALS = st.lists(
    st.builds(
        lambda owner, ends, cpu, gpu, is_open: Interval(
            owner, "ws-1", "local", cpu, 3 * GIB, gpu, min(ends), None if is_open else max(ends)
        ),
        st.sampled_from(["ada", "bob"]),
        st.tuples(MOMENTS, MOMENTS),
        st.sampled_from([0.1, 1.0, 2.5, 64.0]),
        st.integers(0, 8),
        st.booleans(),
    ),
    max_size=8,
)


def sums(
    intervals: list[Interval], by: UsageBy, since: datetime, until: datetime, now: datetime
) -> dict[str, tuple[int, int, int, float]]:
    totals = Totals(by, (since, until), now)
    for interval in intervals:
        totals.add(interval)
    return {key: (one.time, one.memory, one.gpu, one.cpu) for key, one in totals.items()}


def joined(*parts: dict[str, tuple[int, int, int, float]]) -> dict[str, tuple[float, ...]]:
    keys = {key for part in parts for key in part}
    return {
        key: tuple(map(sum, zip(*(part.get(key, (0, 0, 0, 0)) for part in parts), strict=True)))
        for key in keys
    }


@given(INTERVALS, st.lists(MOMENTS, min_size=3, max_size=3), MOMENTS, st.sampled_from(UsageBy))
def test_a_window_that_is_split_anywhere_has_the_same_sums(
    intervals: list[Interval], points: list[datetime], now: datetime, by: UsageBy
) -> None:
    since, middle, until = sorted(points)
    whole = joined(sums(intervals, by, since, until, now))
    parts = joined(sums(intervals, by, since, middle, now), sums(intervals, by, middle, until, now))
    assert whole.keys() == parts.keys()
    for key, (time, memory, gpu, cpu) in whole.items():
        assert parts[key][:3] == (time, memory, gpu)
        assert parts[key][3] == pytest.approx(cpu)


@given(INTERVALS, MOMENTS, MOMENTS)
def test_users_and_days_have_the_same_sums(
    intervals: list[Interval], one: datetime, other: datetime
) -> None:
    since, until = min(one, other), max(one, other)
    totals = {
        by: [
            sum(column)
            for column in zip(*sums(intervals, by, since, until, until).values(), strict=True)
        ]
        for by in UsageBy
    }
    assert all(found == pytest.approx(totals[UsageBy.USER]) for found in totals.values())


MOMENT = TypeAdapter(Moment)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-10", DAY),
        ("2026-03-10T00:00:00", DAY),
        ("2026-03-10T08:00:00+08:00", DAY),
        ("2026-03-09T23:00:00-01:00", DAY),
    ],
)
def test_moments_of_any_zone_become_utc(text: str, moment: datetime) -> None:
    found = MOMENT.validate_python(text)
    assert (found, found.tzinfo) == (moment, UTC)


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00+14:00", "0001-01-01", "9999-12-31T23:59:59-12:00", "now"]
)
def test_a_moment_that_utc_does_not_have_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        MOMENT.validate_python(text)


@pytest.mark.parametrize(
    ("moment", "month"), [(at(13.5), 3), (datetime(2026, 3, 1, tzinfo=UTC), 2)]
)
def test_a_month_begins_at_its_first_midnight(moment: datetime, month: int) -> None:
    assert month_until(moment) == datetime(2026, month, 1, tzinfo=UTC)
