"""The public keys that users registered: whose they are, and who comes with one."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.errors import Conflict, NotAuthenticated, NotFound
from dsw.names import new_id
from dsw.roles import Action
from dsw.ssh import PublicKey, SshKeyAdd, SshKeyView, public_key
from dsw_control.access import not_from_an_instance
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.records.audit import record
from dsw_control.records.idempotency import Once, earlier, remember
from dsw_control.store.paging import PageRequest, paged
from dsw_control.store.tables import SshKey, User

MOST = 50
"""How many keys a user can have."""

TITLE_MAX = 100


async def list_keys(
    control: Control, caller: Caller, page: PageRequest
) -> tuple[list[SshKeyView], str | None]:
    """The caller's keys, oldest first."""
    not_from_an_instance(caller)
    async with control.db.read() as session:
        query = select(SshKey).where(SshKey.username == caller.name)
        keys = [(SshKey.created_at, False), (SshKey.id, False)]
        rows, cursor = await paged(session, query, keys, page)
    return [SshKeyView.model_validate(row) for row in rows], cursor


async def add_key(
    control: Control, caller: Caller, body: SshKeyAdd, once: Once | None = None
) -> SshKeyView:
    """Register a key; it lets its holder in from now on. `Conflict` for one that is there."""
    not_from_an_instance(caller)
    key = public_key(body.public_key)
    async with control.db.write() as session:
        # One after the other; and nothing for somebody whom the hub has just forgotten, or who
        # gets their name later would be entered with their key.
        if await session.get(User, caller.name, with_for_update=True) is None:
            raise NotAuthenticated("The hub knows this user no more.", "Log in again.")
        if made := await earlier(session, once):
            return SshKeyView.model_validate(await session.get_one(SshKey, made))
        await _check_new(session, caller, key)
        row = SshKey(
            id=new_id("key"),
            username=caller.name,
            title=body.title.strip() or _title(key),
            kind=key.kind,
            public_key=key.line,
            fingerprint=key.fingerprint,
            created_at=control.clock(),
        )
        session.add(row)
        remember(session, control, once, row.id)
        _record(session, control, caller, row, "add")
        await session.flush()
        return SshKeyView.model_validate(row)


async def _check_new(session: AsyncSession, caller: Caller, key: PublicKey) -> None:
    mine = SshKey.username == caller.name
    title = await session.scalar(
        select(SshKey.title).where(mine, SshKey.fingerprint == key.fingerprint)
    )
    if title is not None:
        raise Conflict(f"You have this key already, as {title!r}.", "There is nothing to do.")
    count = await session.scalar(select(func.count()).select_from(SshKey).where(mine))
    if (count or 0) >= MOST:
        raise Conflict(f"You have {MOST} keys.", "Remove one first.")


def _title(key: PublicKey) -> str:
    """What its comment has to show, such as `ada@laptop`; else its fingerprint."""
    shown = "".join(letter for letter in key.comment if letter.isprintable()).strip()
    return shown[:TITLE_MAX] or key.fingerprint


async def remove_key(control: Control, caller: Caller, key_id: str) -> None:
    """Forget a key; whoever is in by it is out within seconds."""
    not_from_an_instance(caller)
    async with control.db.write() as session:
        row = await session.get(SshKey, key_id, with_for_update=True)
        if row is None or row.username != caller.name:
            raise NotFound(f"There is no key {key_id!r}.", "See GET /ssh-keys for yours.")
        await session.delete(row)
        _record(session, control, caller, row, "remove")


async def forget_keys(session: AsyncSession, control: Control, username: str) -> None:
    """Drop the keys of somebody who is no user any more: their namesake is somebody else."""
    gone = await session.scalars(
        delete(SshKey).where(SshKey.username == username).returning(SshKey)
    )
    for row in gone.all():
        _record(session, control, None, row, "remove")


async def lines_of(session: AsyncSession, usernames: Collection[str]) -> dict[str, list[str]]:
    """By user: their keys as lines, oldest first. Those without any are left out."""
    found: dict[str, list[str]] = {}
    query = select(SshKey).where(SshKey.username.in_(usernames))
    for row in await session.scalars(query.order_by(SshKey.created_at, SshKey.id)):
        found.setdefault(row.username, []).append(row.public_key)
    return found


async def registered(session: AsyncSession, username: str, key: PublicKey) -> SshKey | None:
    """The key, when this very user registered it; another's registration counts for nothing."""
    row: SshKey | None = await session.scalar(
        select(SshKey).where(
            SshKey.username == username,
            SshKey.fingerprint == key.fingerprint,
            SshKey.public_key == key.line,
        )
    )
    return row


def _record(
    session: AsyncSession, control: Control, caller: Caller | None, row: SshKey, did: str
) -> None:
    detail = {"did": did, "user": row.username, "fingerprint": row.fingerprint, "title": row.title}
    record(session, control, caller, Action.SSH_KEY_OWN, (row.id, None), **detail)
