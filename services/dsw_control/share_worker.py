"""Makes the hub agree with the shares: whoever may visit an instance may enter its server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import structlog
from sqlalchemy import ColumnElement, delete, exists, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.errors import DswError, Unavailable
from dsw.sharing import EVERYBODY
from dsw_control.context import Control
from dsw_control.store.tables import Instance, Member, Share, ShareGrant
from dsw_control.visitors import Given, Visits, given

T = TypeVar("T")
Pair = tuple[str, str]
"""Instance id and user."""

CHUNK = 50
"""Grants that are told to the hub before it is written down that it agreed."""

OWNERS = 20
"""Owners whose servers are compared with the hub in one check."""

LATER = timedelta(seconds=30)
"""When the hub is asked again for what it refused."""

log = structlog.get_logger()


class ShareWorker:
    """What is wanted follows from shares and members; what the hub was told is in `share_grants`,
    written before it is told, so that nothing is forgotten by a restart."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._busy = asyncio.Lock()
        self._settled: Given | None = None
        self._refused: dict[Pair, datetime] = {}
        self._last_owner = ""

    async def turn(self) -> None:
        """Tell the hub what has changed. Cheap when nothing has."""
        async with self._busy:
            await self._end_shares()
            async with self._control.db.read() as session:
                now = await given(session, Instance.guarded_image == Instance.image_id)
            if now == self._settled and not self._refused:
                return
            try:
                settled = await self._agree(now.visits())
            except Unavailable as error:
                log.info("shares wait for the hub", error=error.message)
                settled = False
            self._settled = now if settled else None

    async def check(self) -> None:
        """Compare some owners' servers with what the hub has; after some checks all of them."""
        async with self._busy:
            async with self._control.db.read() as session:
                owners = (
                    await session.scalars(
                        select(Instance.owner)
                        .join(ShareGrant, ShareGrant.instance_id == Instance.id)
                        .where(Instance.owner > self._last_owner)
                        .distinct()
                        .order_by(Instance.owner)
                        .limit(OWNERS)
                    )
                ).all()
            self._last_owner = owners[-1] if len(owners) == OWNERS else ""
            for owner in owners:
                await self._check_owner(owner)

    async def _end_shares(self) -> None:
        """A share ends with its instance, with its user's membership and with its owner's."""
        ended = _ended()
        async with self._control.db.read() as session:
            if not await session.scalar(select(exists().where(ended))):
                return
        async with self._control.db.write() as session:
            await session.execute(delete(Share).where(ended))

    async def _agree(self, wanted: Visits) -> bool:
        """Take back, then grant. False when the hub refused something."""
        pairs = {(key, user) for key, access in wanted.items() for user in access}
        async with self._control.db.read() as session:
            rows = (await session.scalars(select(ShareGrant))).all()
            servers = await _servers(session, {*wanted, *(row.instance_id for row in rows)})
        told = {(row.instance_id, row.username) for row in rows}
        granted = {(row.instance_id, row.username) for row in rows if row.granted_at}
        self._refused = {pair: at for pair, at in self._refused.items() if pair in pairs | told}
        kept = await self._take_back(sorted(told - pairs), servers)
        # A server that has still to be closed to somebody may be another instance of its name.
        blocked = {servers[key] for key, _ in kept}
        due = [pair for pair in sorted(pairs - granted) if servers[pair[0]] not in blocked]
        await self._grant([pair for pair in due if self._is_due(pair)], told, servers)
        return not kept and not self._refused

    def _is_due(self, pair: Pair) -> bool:
        return self._refused.get(pair, self._control.clock()) <= self._control.clock()

    async def _take_back(self, pairs: Sequence[Pair], servers: dict[str, Pair]) -> list[Pair]:
        """The pairs for which the hub refused."""
        kept = []
        for chunk in _chunks(pairs):
            done = []
            try:
                for pair in chunk:
                    if await self._try(pair, self._control.hub.unshare(*servers[pair[0]], pair[1])):
                        done.append(pair)
                    else:
                        kept.append(pair)
            finally:
                await self._forget(done)
        return kept

    async def _grant(
        self, pairs: Sequence[Pair], told: set[Pair], servers: dict[str, Pair]
    ) -> None:
        for chunk in _chunks(pairs):
            async with self._control.db.write() as session:
                session.add_all(
                    ShareGrant(instance_id=pair[0], username=pair[1])
                    for pair in chunk
                    if pair not in told
                )
            done = []
            try:
                for pair in chunk:
                    if await self._try(pair, self._control.hub.share(*servers[pair[0]], pair[1])):
                        done.append(pair)
            finally:
                await self._note(done, self._control.clock())

    async def _try(self, pair: Pair, call: Awaitable[None]) -> bool:
        """Whether the hub agreed. `Unavailable` when it does not answer."""
        try:
            await call
        except Unavailable:
            raise
        except DswError as error:
            log.warning("the hub refused a share", instance_id=pair[0], error=error.message)
            self._refused[pair] = self._control.clock() + LATER
            return False
        self._refused.pop(pair, None)
        return True

    async def _check_owner(self, owner: str) -> None:
        """What the hub lost is granted again, what was shared behind control's back is ended."""
        found = await self._control.hub.shares(owner)
        async with self._control.db.read() as session:
            rows = (
                await session.execute(
                    select(ShareGrant, Instance.name)
                    .join(Instance, Instance.id == ShareGrant.instance_id)
                    .where(Instance.owner == owner, Instance.deleted_at.is_(None))
                )
            ).all()
        told = {(name, ("user", row.username)): row for row, name in rows}
        for name, whom in found - set(told):
            log.warning("ended a share that control did not make", server=name, whom=whom)
            await self._control.hub.unshare(owner, name, whom[1], kind=whom[0])
        lost = [row for key, row in told.items() if row.granted_at and key not in found]
        if lost:
            await self._note([(row.instance_id, row.username) for row in lost], None)
            self._settled = None

    async def _forget(self, pairs: Sequence[Pair]) -> None:
        if pairs:
            async with self._control.db.write() as session:
                await session.execute(delete(ShareGrant).where(_is_one_of(pairs)))

    async def _note(self, pairs: Sequence[Pair], granted_at: datetime | None) -> None:
        if pairs:
            async with self._control.db.write() as session:
                change = update(ShareGrant).where(_is_one_of(pairs)).values(granted_at=granted_at)
                await session.execute(change)


async def _servers(session: AsyncSession, wanted: Iterable[str]) -> dict[str, Pair]:
    """By instance id: owner and server name. One query a chunk: databases limit parameters."""
    found = {}
    for chunk in _chunks(sorted(wanted), 1000):
        rows = await session.execute(
            select(Instance.id, Instance.owner, Instance.name).where(Instance.id.in_(chunk))
        )
        found.update({key: (owner, name) for key, owner, name in rows})
    return found


def _ended() -> ColumnElement[bool]:
    """The shares whose instance, user or owner is gone."""
    instance = select(Instance.id).where(
        Instance.id == Share.instance_id, Instance.deleted_at.is_(None)
    )
    of_owner = instance.join(
        Member,
        (Member.workspace_id == Instance.workspace_id) & (Member.username == Instance.owner),
    )
    of_user = instance.join(
        Member,
        (Member.workspace_id == Instance.workspace_id) & (Member.username == Share.username),
    )
    return ~of_owner.exists() | ((Share.username != EVERYBODY) & ~of_user.exists())


def _is_one_of(pairs: Sequence[Pair]) -> ColumnElement[bool]:
    return tuple_(ShareGrant.instance_id, ShareGrant.username).in_(pairs)


def _chunks(items: Sequence[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
