"""Sums of use: bundles of intervals add up to what each interval alone adds up to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from dsw.moments import Moment, month_until
from dsw.usage import Amounts, Bundle, Totals, UsageBy, UsageLine

DAY = datetime(2026, 3, 10, tzinfo=UTC)
GIB = 1024**3


def at(hours: float) -> datetime:
    return DAY + timedelta(hours=hours)


def seconds_of_day(moment: datetime) -> float:
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return (moment - midnight).total_seconds()


def bundle(start: datetime, end: datetime, held: Amounts, key: str = "ada") -> Bundle:
    """One interval."""
    return Bundle(
        key,
        start.date(),
        end.date(),
        held,
        Amounts(*(one * seconds_of_day(start) for one in held)),
        Amounts(*(one * seconds_of_day(end) for one in held)),
    )


def hours(by: UsageBy, *bundles: Bundle) -> dict[str, tuple[int, float]]:
    """Runs and hours by key."""
    totals = Totals(by)
    for each in bundles:
        totals.add(each)
    found = {key: totals.line(key, key, None) for key in totals.keys}
    return {key: (line.runs, line.hours) for key, line in found.items()}


ONE = Amounts(1, 2, 4 * GIB, 3)


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        (1, 3, {"2026-03-10": (1, 2)}),
        (0, 23.5, {"2026-03-10": (1, 23.5)}),
        (0, 24, {"2026-03-10": (1, 24)}),
        (23, 25, {"2026-03-10": (1, 1), "2026-03-11": (0, 1)}),
        (23, 48, {"2026-03-10": (1, 1), "2026-03-11": (0, 24)}),
        (23, 49, {"2026-03-10": (1, 1), "2026-03-11": (0, 24), "2026-03-12": (0, 1)}),
        (24, 25, {"2026-03-11": (1, 1)}),
    ],
)
def test_a_run_counts_on_its_first_day_and_its_hours_on_each(
    start: float, end: float, days: dict[str, tuple[int, float]]
) -> None:
    run = bundle(at(start), at(end), ONE)
    assert hours(UsageBy.DAY, run) == days
    assert hours(UsageBy.USER, run) == {"ada": (1, end - start)}


def test_what_is_held_is_told_in_hours() -> None:
    totals = Totals(UsageBy.USER)
    totals.add(bundle(at(1), at(3), ONE))
    assert totals.line("ada", "Ada", 7) == UsageLine(
        key="Ada", runs=1, hours=2, cpu_hours=4, memory_gib_hours=8, gpu_hours=6, storage=7
    )
    nothing = totals.line("bob", "bob", None)
    assert (nothing.runs, nothing.hours, nothing.storage) == (0, 0, None)


MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2026, 1, 9), timezones=st.just(UTC))
HELD = st.builds(
    Amounts,
    st.just(1),
    st.sampled_from([0.1, 1, 2.5, 64]),
    st.integers(1, 64).map(lambda size: size * GIB),
    st.integers(0, 8),
)
SECONDS = st.integers(0, 24 * 3600 - 1)
RUNS = st.lists(
    st.tuples(MOMENTS, MOMENTS, HELD).map(lambda run: bundle(min(run[:2]), max(run[:2]), run[2])),
    max_size=8,
)


def sums(totals: Totals) -> list[float]:
    lines = [totals.line(key, key, None) for key in totals.keys]
    names = ("runs", "hours", "cpu_hours", "memory_gib_hours", "gpu_hours")
    return [sum(getattr(line, name) for line in lines) for name in names]


@given(RUNS)
def test_all_days_together_are_all_that_was_used(runs: list[Bundle]) -> None:
    found = []
    for by in (UsageBy.USER, UsageBy.DAY):
        totals = Totals(by)
        for run in runs:
            totals.add(run)
        found.append(sums(totals))
    assert found[0] == pytest.approx(found[1], abs=1e-4)


@given(MOMENTS, st.lists(st.tuples(SECONDS, SECONDS, HELD), min_size=1))
def test_a_bundle_is_as_much_as_what_is_in_it(
    day: datetime, runs: list[tuple[int, int, Amounts]]
) -> None:
    midnight = day.replace(hour=0, minute=0, second=0, microsecond=0)
    single = [
        bundle(midnight + timedelta(seconds=start), midnight + timedelta(days=2, seconds=end), held)
        for start, end, held in runs
    ]
    columns = [
        Amounts(*map(sum, zip(*(each[number] for each in single), strict=True)))
        for number in (3, 4, 5)
    ]
    together = Bundle("ada", single[0].first, single[0].last, *columns)
    for by in (UsageBy.USER, UsageBy.DAY):
        one, many = Totals(by), Totals(by)
        one.add(together)
        for each in single:
            many.add(each)
        assert sums(one) == pytest.approx(sums(many), abs=1e-4)


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
