"""The queue: a pure decision over those who wait."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dsw.queueing import (
    BACKFILL,
    Holder,
    QueueMove,
    Waiting,
    decide,
    estimate,
    order,
    remaining,
)
from dsw.quota import Limit

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def limit(allowed: float, used: float = 0, key: str = "group", resource: str = "gpu") -> Limit:
    return Limit(key=key, scope="here", resource=resource, allowed=allowed, used=used)


def one(
    name: str, gpus: float, limits: list[Limit], priority: int = 5, passed: int = 0, at: int = 0
) -> Waiting:
    return Waiting(
        id=name,
        priority=priority,
        since=NOON + timedelta(seconds=at),
        choices=[{"gpu": gpus}],
        limits=limits,
        passed=passed,
    )


def started(waiting: list[Waiting]) -> list[str]:
    answers = decide(waiting)
    return [each.id for each in order(waiting) if answers[each.id].choice is not None]


def test_priority_goes_first_then_age() -> None:
    free = [limit(2)]
    waiting = [one("old", 1, free), one("young", 1, free, at=9), one("high", 1, free, 9, at=99)]
    assert [each.id for each in order(waiting)] == ["high", "old", "young"]
    assert started(waiting) == ["high", "old"]


def test_a_small_request_may_pass_a_big_one() -> None:
    free = [limit(4, used=2)]
    waiting = [one("big", 4, free), one("small", 1, free, at=1), one("next", 1, free, at=2)]
    answers = decide(waiting)
    assert started(waiting) == ["small", "next"]
    assert answers["big"].passed == 2
    assert answers["big"].behind == []


def test_who_was_passed_often_enough_is_passed_no_more() -> None:
    free = [limit(4, used=2)]
    waiting = [one("big", 4, free, passed=BACKFILL - 1)] + [
        one(f"small{n}", 1, free, at=n + 1) for n in range(2)
    ]
    assert started(waiting) == ["small0"]
    answers = decide(waiting)
    assert answers["big"].passed == BACKFILL
    assert answers["small1"].behind == ["big"]
    assert [each.key for each in answers["small1"].blocked] == ["group"]


def test_who_waits_for_something_else_keeps_nobody_back() -> None:
    group, own = limit(4), limit(1, used=1, key="ada", resource="gpu")
    waiting = [one("ada", 1, [group, own], passed=BACKFILL), one("bob", 4, [group], at=1)]
    assert started(waiting) == ["bob"]
    assert decide(waiting)["ada"].passed == BACKFILL


def test_the_first_choice_that_fits_is_taken() -> None:
    types = [limit(1, 1, "a", "gpu:A"), limit(1, 0, "b", "gpu:B")]
    request = Waiting(
        id="any", priority=5, since=NOON, choices=[{"gpu:A": 1}, {"gpu:B": 1}], limits=types
    )
    assert decide([request])["any"].choice == 1


def test_what_can_never_fit_says_so_and_keeps_nobody_back() -> None:
    free = [limit(2)]
    waiting = [one("huge", 3, free, passed=BACKFILL), one("small", 2, free, at=1)]
    answers = decide(waiting)
    assert answers["huge"].never == free[0]
    assert started(waiting) == ["small"]


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(1, 6), st.integers(0, 12)), max_size=30),
    st.integers(0, 12),
)
def test_a_turn_never_hands_out_more_than_is_free(
    requests: list[tuple[int, int, int]], used: int
) -> None:
    free = [limit(12, used=used)]
    waiting = [
        one(str(n), gpus, free, priority, passed, at=n)
        for n, (priority, gpus, passed) in enumerate(requests)
    ]
    sizes = {each.id: each.choices[0]["gpu"] for each in waiting}
    assert sum(sizes[name] for name in started(waiting)) <= 12 - used


@given(
    st.lists(st.tuples(st.integers(1, 6), st.integers(1, 5)), min_size=1, max_size=60),
    st.integers(1, 6),
)
def test_nobody_is_passed_more_often_than_is_allowed(
    others: list[tuple[int, int]], big: int
) -> None:
    """Small requests keep coming after one that needs much; runs end in the order they came."""
    total, running, waiting = 6, [], [one("first", big, [])]
    passed_by = 0
    for number, (gpus, _) in enumerate([*others, *others, (1, 1)] * 3):
        waiting.append(one(str(number), gpus, [], at=number + 1))
        if running and number % 2:
            running.pop(0)
        limits = [limit(total, used=sum(running))]
        answers = decide([each.model_copy(update={"limits": limits}) for each in waiting])
        going = [each for each in waiting if answers[each.id].choice is not None]
        running += [each.choices[0]["gpu"] for each in going]
        if any(each.id == "first" for each in going):
            break
        passed_by += len(going)
        waiting = [
            each.model_copy(update={"passed": answers[each.id].passed})
            for each in waiting
            if each not in going
        ]
    assert passed_by <= BACKFILL


def test_a_turn_looked_at_twice_says_the_same() -> None:
    free = [limit(1, used=1)]
    waiting = [one(str(n), 1, free, at=n) for n in range(3)]
    answers = decide(waiting)
    assert [answers[str(n)].behind for n in range(3)] == [[], ["0"], ["0", "1"]]
    assert answers == decide(list(reversed(waiting)))


@pytest.mark.parametrize(
    ("elapsed", "past", "seconds"),
    [(0, [], None), (0, [60, 120, 600], 120), (100, [60, 120, 600], 260), (700, [60, 600], None)],
)
def test_how_long_a_run_goes_on_is_told_by_those_that_lasted_longer(
    elapsed: float, past: list[float], seconds: float | None
) -> None:
    assert remaining(elapsed, past) == seconds


def test_the_estimate_counts_those_ahead() -> None:
    holders = [Holder(ends_in=each, held={"group": 1}) for each in (300, 100, 200)]
    full = [limit(3, used=3)]
    assert estimate({"gpu": 1}, full, holders, []) == 100
    assert estimate({"gpu": 1}, full, holders, [{"gpu": 1}]) == 200
    assert estimate({"gpu": 2}, full, holders, [{"gpu": 2}]) is None
    assert estimate({"gpu": 1}, full, [Holder(ends_in=None, held={"group": 3})], []) is None


@pytest.mark.parametrize(
    "move", [{}, {"priority": 3, "last": True}, {"priority": 10}, {"before": "../x"}]
)
def test_a_move_says_one_thing(move: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        QueueMove.model_validate(move)
