"""When somebody who waits can start, told from how long earlier runs in the group lasted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.queueing import Answer, Holder, Waiting, estimate, remaining
from dsw.quota import Who, amounts_of, limit_key, scope_keys
from dsw_control.access import roles_of
from dsw_control.context import Control
from dsw_control.store.tables import Allocation, Member

PAST_RUNS = 200
"""How many ended runs, the latest, tell how long a run lasts."""

TOLD = 50
"""How many of those who wait, the first, get an estimate."""


@dataclass
class Forecast:
    """The runs of a group that hold something now, with their expected ends."""

    holders: list[Holder]
    told: int = TOLD

    @classmethod
    async def load(cls, session: AsyncSession, control: Control, group: str) -> Forecast:
        """Read the runs of a group; those with GPUs and those without last differently."""
        now = control.clock()
        past = {with_gpu: await _past(session, group, with_gpu) for with_gpu in (True, False)}
        if not any(past.values()):
            return cls([])
        rows = await session.execute(
            select(Allocation, Member)
            .outerjoin(
                Member,
                (Member.workspace_id == Allocation.workspace_id)
                & (Member.username == Allocation.owner),
            )
            .where(Allocation.resource_group == group, Allocation.ended_at.is_(None))
        )
        holders = []
        for row, member in rows.all():
            elapsed = (now - row.started_at).total_seconds()
            ends_in = remaining(elapsed, past[row.gpu > 0])
            holders.append(Holder(ends_in=ends_in, held=_held(row, member)))
        return cls(holders)

    def seconds(self, request: Waiting, answer: Answer, waiting: Sequence[Waiting]) -> int | None:
        """Seconds until the request can start, rounded up to a minute; None when nothing tells."""
        if not self.holders or self.told <= 0:
            return None
        self.told -= 1
        ahead = [each.choices[0] for each in waiting if each.id in answer.behind]
        seconds = estimate(request.choices[0], answer.blocked, self.holders, ahead)
        return None if seconds is None else int(-(-seconds // 60) * 60)


async def _past(session: AsyncSession, group: str, with_gpu: bool) -> list[float]:
    gpu = Allocation.gpu > 0 if with_gpu else Allocation.gpu == 0
    rows = await session.execute(
        select(Allocation.started_at, Allocation.ended_at)
        .where(Allocation.resource_group == group, Allocation.ended_at.is_not(None), gpu)
        .order_by(Allocation.id.desc())
        .limit(PAST_RUNS)
    )
    return [(ended - started).total_seconds() for started, ended in rows.all() if ended]


def _held(row: Allocation, member: Member | None) -> dict[str, float]:
    """What a run holds, by the key of each limit under which it counts."""
    who = Who(
        resource_group=row.resource_group,
        workspace_id=row.workspace_id,
        username=row.owner,
        roles=roles_of(member),
        priority=row.priority,
    )
    amounts = amounts_of(1, (row.cpu, row.memory), row.gpu, row.gpu_type)
    return {
        limit_key(scope, resource): amount
        for scope in scope_keys(who)
        for resource, amount in amounts.items()
    }
