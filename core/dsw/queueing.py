"""The queue: who waits in which order, who may start now, and how long it may take.

Pure. Requests are served by priority (9 first), then by the time they came. A later request may
start before an earlier one that does not fit yet (backfill), but each is passed at most `BACKFILL`
times by requests that compete with it; from then on nothing that needs what it waits for starts
before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from statistics import median

from pydantic import Field, model_validator

from dsw.base import Model, View
from dsw.names import id_pattern
from dsw.quota import Amounts, Limit, Verdict, admit
from dsw.workspaces import Priority

BACKFILL = 10


class Waiting(Model):
    """A request that waits. `choices` are the amounts that would do, the best first; `limits` what
    they must fit under; `passed` how often it was passed."""

    id: str
    priority: int
    since: datetime
    choices: list[Amounts] = Field(min_length=1)
    limits: list[Limit]
    passed: int = 0


class Answer(Model):
    """What a turn of the queue says of one request.

    `choice` is the index of the amounts that it starts with, None while it waits; `blocked` are
    the limits that it waits for and `behind` those whom it waits behind; `never` a limit that it
    can never meet.
    """

    choice: int | None = None
    blocked: list[Limit] = Field(default_factory=list)
    behind: list[str] = Field(default_factory=list)
    never: Limit | None = None
    passed: int = 0


def order(waiting: Iterable[Waiting]) -> list[Waiting]:
    """By priority, then by age; ids break ties."""
    return sorted(waiting, key=lambda each: (-each.priority, each.since, each.id))


def decide(waiting: Iterable[Waiting]) -> dict[str, Answer]:
    """Who of the waiting starts now, in their order; what is still free shrinks on the way."""
    taken: dict[str, float] = {}
    held_back: list[tuple[str, set[str]]] = []
    passed: dict[str, int] = {}
    answers: dict[str, Answer] = {}
    for request in order(waiting):
        closed = {key for other, keys in held_back if passed[other] >= BACKFILL for key in keys}
        limits = [_with(limit, taken) for limit in request.limits]
        answer = _answer(request, limits, closed)
        if answer.never is None and answer.choice is None:
            passed[request.id] = request.passed
            keys = {limit.key for limit in answer.blocked}
            behind = [other for other, others in held_back if others & keys]
            answer = answer.model_copy(update={"behind": behind})
            held_back.append((request.id, keys))
        elif answer.choice is not None:
            for key, amount in _touched(request.choices[answer.choice], limits).items():
                taken[key] = taken.get(key, 0) + amount
            for other, keys in held_back:
                if keys & _touched(request.choices[answer.choice], limits).keys():
                    passed[other] += 1
        answers[request.id] = answer
    return {
        key: answer.model_copy(update={"passed": passed.get(key, 0)})
        for key, answer in answers.items()
    }


def _answer(request: Waiting, limits: list[Limit], closed: set[str]) -> Answer:
    verdicts = [admit(asked, limits) for asked in request.choices]
    for index, verdict in enumerate(verdicts):
        if verdict.admitted and not closed & _touched(request.choices[index], limits).keys():
            return Answer(choice=index)
    possible = [index for index, verdict in enumerate(verdicts) if not verdict.never]
    if not possible:
        return Answer(never=verdicts[0].never[0])
    best = possible[0]
    return Answer(blocked=_in_the_way(request.choices[best], limits, verdicts[best], closed))


def _in_the_way(
    asked: Amounts, limits: list[Limit], verdict: Verdict, closed: set[str]
) -> list[Limit]:
    kept = closed & _touched(asked, limits).keys()
    return verdict.now or [limit for limit in limits if limit.key in kept]


def _with(limit: Limit, taken: Mapping[str, float]) -> Limit:
    more = taken.get(limit.key, 0)
    return limit.model_copy(update={"used": limit.used + more}) if more else limit


def _touched(asked: Amounts, limits: Iterable[Limit]) -> dict[str, float]:
    """What the amounts take of each limit that they count under, by the limit's key."""
    return {
        limit.key: asked[limit.resource] for limit in limits if asked.get(limit.resource, 0) > 0
    }


def remaining(elapsed: float, past: Sequence[float]) -> float | None:
    """Seconds that a run which has lasted `elapsed` seconds will go on, as the past runs that
    lasted longer tell; None when none did."""
    longer = [seconds - elapsed for seconds in past if seconds > elapsed]
    return median(longer) if longer else None


class Holder(Model):
    """Something that holds amounts under limits (by key), and when it is thought to end."""

    ends_in: float | None
    held: dict[str, float]


def estimate(
    asked: Amounts, blocked: Iterable[Limit], holders: Sequence[Holder], ahead: Iterable[Amounts]
) -> float | None:
    """Seconds until the amounts fit under the blocked limits and those ahead have started too;
    None when the known ends do not free enough."""
    ending = sorted(
        ((holder.ends_in, holder.held) for holder in holders if holder.ends_in is not None),
        key=lambda each: each[0],
    )
    before = list(ahead)
    longest = 0.0
    for limit in blocked:
        others = sum(amounts.get(limit.resource, 0) for amounts in before)
        missing = limit.used + others + asked.get(limit.resource, 0) - limit.allowed
        for seconds, held in ending:
            if missing <= 0:
                break
            missing -= held.get(limit.key, 0)
            longest = max(longest, seconds) if held.get(limit.key) else longest
        if missing > 0:
            return None
    return longest


class QueueEntryView(View):
    """One who waits. `place` counts from 1; `waiting_for` is a sentence; the estimate, in seconds
    until it can start, is there when past runs tell one."""

    instance_id: str
    owner: str
    name: str
    display_name: str
    workspace_id: str
    resource_group: str
    spec: str
    priority: int
    place: int
    ahead: int
    waiting_for: str
    queued_at: datetime
    estimate_seconds: int | None = None


class QueueMove(Model):
    """A new place, one of: another priority, right before another entry, the very end."""

    priority: Priority | None = None
    before: str | None = Field(default=None, pattern=id_pattern("dsw"))
    last: bool = False

    @model_validator(mode="after")
    def _one_way(self) -> QueueMove:
        if sum((self.priority is not None, self.before is not None, self.last)) != 1:
            raise ValueError("give one of priority, before, last")
        return self
