"""What people do with shares. Each use case writes what is wanted; `ShareWorker` tells the hub, and
the instance's own server asks here whom it may let in."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.errors import Conflict, Forbidden, Invalid, NotFound, PreconditionFailed
from dsw.names import new_id
from dsw.roles import Action
from dsw.sharing import EVERYBODY, Access, SharePut, ShareView, Visitors
from dsw_control.access import not_from_an_instance, standing, visible_instance
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.etags import check_match
from dsw_control.records.audit import record
from dsw_control.store.paging import PageRequest, paged
from dsw_control.store.tables import Instance, Share, ShareGrant
from dsw_control.visitors import Visits, visits, visits_of


async def list_shares(
    control: Control, caller: Caller, instance_id: str, page: PageRequest
) -> tuple[list[ShareView], str | None]:
    """With whom an instance is shared, oldest first."""
    async with control.db.read() as session:
        row = await _sharable(session, caller, instance_id)
        query = select(Share).where(Share.instance_id == row.id)
        keys = [(Share.created_at, False), (Share.id, False)]
        shares, cursor = await paged(session, query, keys, page)
        return await _views(session, row, shares), cursor


async def put_share(
    control: Control,
    caller: Caller,
    instance_id: str,
    body: SharePut,
    if_match: str | None = None,
) -> ShareView:
    """Share with a member or with all, or change the access of a share that there is."""
    async with control.db.write() as session:
        row = await _sharable(session, caller, instance_id)
        # One after the other, so that two at once do not make two shares for one user.
        await session.refresh(row, with_for_update=True)
        await _check_user(session, row, body)
        user = body.user or EVERYBODY
        share = await session.scalar(
            select(Share).where(Share.instance_id == row.id, Share.username == user)
        )
        if share is not None:
            check_match(if_match, (await _views(session, row, [share]))[0])
        elif if_match is not None:
            raise PreconditionFailed("It is not shared like this yet.", "Leave If-Match out.")
        if share is None:
            share = Share(
                id=new_id("shr"),
                instance_id=row.id,
                username=user,
                created_by=caller.name,
                created_at=control.clock(),
            )
            session.add(share)
        share.access = body.access
        detail = {"did": "share", "user": body.user, "access": body.access.value}
        _record(session, control, caller, row, detail)
        await session.flush()
        return (await _views(session, row, [share]))[0]


async def end_share(control: Control, caller: Caller, instance_id: str, share_id: str) -> None:
    """Share it no more; whoever is in by this share alone is out within seconds."""
    async with control.db.write() as session:
        row = await _sharable(session, caller, instance_id)
        share = await session.get(Share, share_id)
        if share is None or share.instance_id != row.id:
            raise NotFound(f"There is no share {share_id!r}.", "See GET /instances/{id}/shares.")
        await session.delete(share)
        detail = {"did": "end share", "user": share.username or None, "access": share.access}
        _record(session, control, caller, row, detail)


async def visitors_of(control: Control, caller: Caller, instance_id: str) -> Visitors:
    """Whom the instance's own server may let in, as of now. That it asks shows that it can tell
    viewers from others, and so it is shared from then on."""
    if caller.server is None:
        raise Forbidden(
            "Only the instance's own server asks this.", "See GET /instances/{id}/shares."
        )
    async with control.db.read() as session:
        row = await visible_instance(session, caller, instance_id, Action.INSTANCE_READ_ALL)
        found = await visits(session, Instance.id == row.id)
    if row.guarded_image != row.image_id:
        async with control.db.write() as session:
            (await session.get_one(Instance, row.id)).guarded_image = row.image_id
    return Visitors(access=found.get(row.id, {}))


async def shared_with(session: AsyncSession, caller: Caller) -> dict[str, Access]:
    """Ids of the instances that others share with the caller, and the caller's access."""
    if caller.server is not None:
        return {}
    found: Visits = await visits_of(session, caller.name)
    return {key: access[caller.name] for key, access in found.items()}


async def access_to(session: AsyncSession, caller: Caller, instance_id: str) -> Access | None:
    """The caller's access to an instance that is shared with them."""
    if caller.server is not None:
        return None
    found = await visits_of(session, caller.name, Instance.id == instance_id)
    return found.get(instance_id, {}).get(caller.name)


async def _sharable(session: AsyncSession, caller: Caller, instance_id: str) -> Instance:
    not_from_an_instance(caller)
    row = await visible_instance(session, caller, instance_id, Action.INSTANCE_MANAGE_ALL)
    if row.owner == caller.name:
        (await standing(session, caller, row.workspace_id)).check(Action.INSTANCE_SHARE_OWN)
    return row


async def _check_user(session: AsyncSession, row: Instance, body: SharePut) -> None:
    """`Invalid` or `Conflict` for a share that would give nobody what it says."""
    if body.user == row.owner:
        raise Invalid(
            f"The instance is {row.owner}'s own.",
            "Name another member, or no user to share it with everybody in the workspace.",
        )
    if not await _roles(session, row, row.owner):
        raise Conflict(
            f"{row.owner} is not a member of this workspace, and shares end with membership.",
            "Add them to the workspace first.",
        )
    if body.user is None:
        return
    found = await standing(session, Caller(name=body.user), row.workspace_id)
    if not found.roles:
        raise Invalid(
            f"{body.user[:80]!r} is not a member of this workspace.",
            "Instances are shared inside their workspace; an admin can add members.",
        )
    if body.access is Access.FULL and Action.INSTANCE_USE_OWN not in found.actions:
        raise Invalid(
            f"The roles of {body.user[:80]!r} ({', '.join(sorted(found.roles))}) do not allow to "
            "run anything.",
            "Share with view access, or ask an admin of the workspace for another role.",
        )


async def _roles(session: AsyncSession, row: Instance, username: str) -> frozenset[str]:
    return (await standing(session, Caller(name=username), row.workspace_id)).roles


def _record(
    session: AsyncSession,
    control: Control,
    caller: Caller,
    row: Instance,
    detail: dict[str, str | None],
) -> None:
    own = row.owner == caller.name
    action = Action.INSTANCE_SHARE_OWN if own else Action.INSTANCE_MANAGE_ALL
    record(session, control, caller, action, (row.id, row.workspace_id), **detail)


async def _views(session: AsyncSession, row: Instance, shares: Iterable[Share]) -> list[ShareView]:
    wanted = (await visits(session, Instance.id == row.id)).get(row.id, {})
    granted = frozenset(
        await session.scalars(
            select(ShareGrant.username).where(
                ShareGrant.instance_id == row.id, ShareGrant.granted_at.is_not(None)
            )
        )
    )
    whole = row.guarded_image == row.image_id and granted >= set(wanted)
    return [
        ShareView(
            id=share.id,
            instance_id=share.instance_id,
            user=share.username or None,
            access=Access(share.access),
            active=share.username in granted & set(wanted) if share.username else whole,
            created_by=share.created_by,
            created_at=share.created_at,
        )
        for share in shares
    ]
