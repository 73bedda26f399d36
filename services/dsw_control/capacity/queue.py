"""The queue of a resource group in the database: who comes in, who starts, what they are told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.errors import QuotaExceeded
from dsw.instances import Desired, InstanceState, QueuePlace, Reason
from dsw.queueing import Answer, Waiting, decide, order
from dsw.quota import Amounts, Holding, never_sentence, waiting_for
from dsw.resources import Capacity
from dsw.specs import Spec
from dsw_control.capacity import admission, groups
from dsw_control.capacity.forecast import Forecast
from dsw_control.context import Control
from dsw_control.history import add_event, tell
from dsw_control.store.tables import Event, Instance, Member

log = structlog.get_logger()

IN_QUEUE = (
    Instance.state == InstanceState.QUEUING,
    Instance.desired == Desired.RUNNING,
    Instance.deleted_at.is_(None),
)


async def enter(session: AsyncSession, control: Control, row: Instance, wait: bool = True) -> None:
    """Admit the instance now, or let it wait; `QuotaExceeded` when it can never fit, or does not
    fit now and is not to wait. One that holds its place already keeps it."""
    with session.no_autoflush:
        if not await admission.is_held(session, row.id):
            await _enter(session, control, row, wait)


async def _enter(session: AsyncSession, control: Control, row: Instance, wait: bool) -> None:
    capacity = await groups.lock(session, row.resource_group)
    row.state, row.passed, row.queue_place = InstanceState.QUEUING, 0, None
    row.queued_at = row.queue_at = control.clock()
    others = await _rows(session, row.resource_group, but=row.id)
    held = await (
        admission.holdings(session, row.resource_group)
        if others
        else admission.holdings_around(session, row)
    )
    # Those who wait already have their turn in the loop; here they only keep their place.
    waiting = await _waiting(session, control, [*others, row], capacity, held)
    answer = decide(waiting)[row.id]
    if answer.never is not None:
        raise QuotaExceeded(_never(row, waiting, answer), "Take a smaller spec.")
    if answer.choice is not None:
        asked = next(each for each in waiting if each.id == row.id).choices[answer.choice]
        await _admit(session, control, row, asked, capacity)
        return
    place = _place(waiting, row.id, answer)
    if not wait:
        raise QuotaExceeded(
            f"It does not fit now: {place.waiting_for}.",
            "Stop another instance, take a smaller spec, or let it wait in the queue.",
        )
    _show(row, place)


async def _admit(
    session: AsyncSession, control: Control, row: Instance, asked: Amounts, capacity: Capacity
) -> None:
    await admission.reserve(session, control, row, asked, capacity)
    row.state, row.reason = InstanceState.RESOURCE_ALLOCATING, Reason.NONE
    row.message, row.queue_place = "Resources are reserved.", None
    row.queued_at = row.queue_at = None
    row.changed_at = control.clock()


def _show(row: Instance, place: QueuePlace) -> bool:
    """Write down what somebody who waits is told; whether that is news."""
    shown = place.model_dump(mode="json")
    if row.queue_place == shown:
        return False
    row.queue_place = shown
    row.reason, row.percent = Reason.WAITING_FOR_RESOURCES, None
    ahead = f"; {place.ahead} ahead of you" if place.ahead else ""
    row.message = f"Waiting for {place.waiting_for}{ahead}."
    return True


def _place(waiting: Sequence[Waiting], instance_id: str, answer: Answer) -> QueuePlace:
    request = next(each for each in waiting if each.id == instance_id)
    blocking = answer.blocked[0]
    asked = next(
        (each for each in request.choices if each.get(blocking.resource)), request.choices[0]
    )
    place = [each.id for each in order(waiting)].index(instance_id) + 1
    return QueuePlace(
        place=place, ahead=len(answer.behind), waiting_for=waiting_for(asked, blocking)
    )


def _never(row: Instance, waiting: Sequence[Waiting], answer: Answer) -> str:
    request = next(each for each in waiting if each.id == row.id)
    if answer.never is None:
        return ""
    return never_sentence(request.choices[0], answer.never)


async def _rows(session: AsyncSession, group: str, but: str = "") -> Sequence[Instance]:
    query = select(Instance).where(*IN_QUEUE, Instance.resource_group == group)
    if but:
        query = query.where(Instance.id != but)
    return (await session.scalars(query)).all()


async def _waiting(
    session: AsyncSession,
    control: Control,
    rows: Iterable[Instance],
    capacity: Capacity,
    held: Sequence[Holding],
) -> list[Waiting]:
    rows = list(rows)
    members = await _members(session, rows)
    waiting = []
    for row in rows:
        who = admission.who_of(row, members.get((row.workspace_id, row.owner)))
        spec = Spec.model_validate(row.spec)
        quota = await admission.quota_of(session, row.workspace_id, row.resource_group)
        waiting.append(
            Waiting(
                id=row.id,
                priority=row.priority,
                since=row.queue_at or control.clock(),
                choices=admission.choices(spec, capacity),
                limits=admission.limits_of(control, who, spec, capacity, quota, held),
                passed=row.passed,
            )
        )
    return waiting


async def _members(
    session: AsyncSession, rows: Sequence[Instance]
) -> dict[tuple[str, str], Member]:
    found = await session.scalars(
        select(Member).where(
            Member.workspace_id.in_({row.workspace_id for row in rows}),
            Member.username.in_({row.owner for row in rows}),
        )
    )
    return {(member.workspace_id, member.username): member for member in found}


async def turn(control: Control) -> None:
    """Let start who can, in every group in which somebody waits, and tell the others."""
    async with control.db.read() as session:
        names = set(await session.scalars(select(Instance.resource_group).where(*IN_QUEUE)))
    for name in sorted(names):
        await _turn_of(control, name)


async def _turn_of(control: Control, group: str) -> None:
    news: list[tuple[Instance, Event | None]] = []
    async with control.db.write() as session:
        capacity = await groups.lock(session, group)
        rows = {row.id: row for row in await _rows(session, group)}
        held = await admission.holdings(session, group)
        waiting = await _waiting(session, control, rows.values(), capacity, held)
        answers = decide(waiting)
        forecast = await Forecast.load(session, control, group)
        for request in order(waiting):
            row, answer = rows[request.id], answers[request.id]
            row.passed = answer.passed
            if answer.choice is not None:
                await _admit(session, control, row, request.choices[answer.choice], capacity)
                news.append((row, add_event(session, control, row)))
            elif answer.never is not None:
                _refuse(control, row, _never(row, waiting, answer))
                news.append((row, add_event(session, control, row)))
            else:
                place = _place(waiting, row.id, answer)
                seconds = forecast.seconds(request, answer, waiting)
                if _show(row, place.model_copy(update={"estimate_seconds": seconds})):
                    news.append((row, None))
    for row, event in news:
        tell(control, row, event)
    if any(row.state == InstanceState.RESOURCE_ALLOCATING for row, _ in news):
        control.wake.set()


def _refuse(control: Control, row: Instance, sentence: str) -> None:
    """A limit was lowered while it waited: it can never start as it is."""
    row.state, row.desired = InstanceState.FAILED, Desired.STOPPED
    row.reason, row.message = Reason.QUOTA_EXCEEDED, sentence
    row.queued_at = row.queue_at = row.queue_place = None
    row.stopped_at = row.changed_at = control.clock()
