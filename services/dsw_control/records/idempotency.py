"""Creates that are sent twice: whose key was used for which request, and what came of it."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta

from sqlalchemy import delete, text
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.base import Model
from dsw.errors import Conflict
from dsw_control.context import Control
from dsw_control.store.tables import IdempotencyKey

KEPT = timedelta(hours=24)


class Once(Model):
    """A request that is to be done once: whose it is, its key, and a hash of all that it asks."""

    username: str
    key: str
    request: str


def request_hash(method: str, path: str, body: bytes) -> str:
    """The same for two requests exactly when they ask for the same; JSON as what it means."""
    try:
        content = json.dumps(json.loads(body), sort_keys=True).encode()
    except ValueError:
        content = body
    return hashlib.sha256(b"\0".join((method.encode(), path.encode(), content))).hexdigest()


async def earlier(session: AsyncSession, once: Once | None) -> str | None:
    """The id of what this very request made before, or None: then make it and `remember` it.

    Called in the writing transaction that makes the object, after the caller's rights were
    checked. From here to its end a second request with the same key waits. `Conflict` when the
    key came with another request.
    """
    if once is None:
        return None
    if session.get_bind().dialect.name == "postgresql":
        lock = hashlib.sha256(f"{once.username}\0{once.key}".encode()).digest()[:8]
        number = int.from_bytes(lock, signed=True)
        await session.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})
    row = await session.get(IdempotencyKey, (once.username, once.key))
    if row is None:
        return None
    if row.request != once.request:
        raise Conflict(
            "This Idempotency-Key was sent before with another request.",
            "Send a key of its own with each new request.",
        )
    return row.object_id


def remember(session: AsyncSession, control: Control, once: Once | None, object_id: str) -> None:
    """Note what came of the request, in the transaction that makes it."""
    if once is not None:
        session.add(
            IdempotencyKey(
                username=once.username,
                key=once.key,
                request=once.request,
                object_id=object_id,
                created_at=control.clock(),
            )
        )


async def forget_old(control: Control) -> None:
    """Drop the keys that nobody will send again."""
    async with control.db.write() as session:
        old = IdempotencyKey.created_at < control.clock() - KEPT
        await session.execute(delete(IdempotencyKey).where(old))
