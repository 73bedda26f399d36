"""Deleting images: out of the catalog at once, out of engine and registry once these answer."""

from __future__ import annotations

import structlog
from sqlalchemy import func, select

from dsw.errors import Conflict, DswError
from dsw.images import ImageSource
from dsw.references import parse_reference
from dsw.roles import Action
from dsw_control.access import not_from_an_instance
from dsw_control.assets.image_changes import theirs
from dsw_control.assets.image_usage import users_of
from dsw_control.assets.images import login_for, registry_of
from dsw_control.assets.placed_tags import has_tag, local_name
from dsw_control.assets.registry_writes import GONE, REFUSED, delete
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.etags import check_match
from dsw_control.history import tell_gone
from dsw_control.records import audit
from dsw_control.store.tables import Image
from dsw_control.views import image_view

log = structlog.get_logger()


async def delete_image(
    control: Control, caller: Caller, image_id: str, if_match: str | None = None
) -> None:
    """Take an image out of the catalog, unless an instance needs it; its row stays for lineage."""
    not_from_an_instance(caller)
    async with control.db.write() as session:
        row = await theirs(session, caller, image_id, Action.IMAGE_DELETE_OWN, Action.IMAGE_DELETE)
        check_match(if_match, image_view(row))
        names, others = await users_of(session, caller, row)
        if names or others:
            seen = [*names[:5], *([f"{others} of others"] if others else [])]
            raise Conflict(
                f"The image {row.name!r} is in use by instances: {', '.join(seen)}.",
                "Delete them, or change their image, first.",
            )
        row.retired_at, row.discard, row.tag = control.clock(), True, None
        own = row.owner == caller.name
        action = Action.IMAGE_DELETE_OWN if own else Action.IMAGE_DELETE
        target = (row.id, row.workspace_id)
        audit.record(session, control, caller, action, target, name=row.name, digest=row.digest)
    tell_gone(control, row)
    control.wake_discards.set()


class Discards:
    """Removes what deleted images left behind; what does not answer now is asked again."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def turn(self) -> None:
        """One attempt for each."""
        async with self._control.db.read() as session:
            rows = (await session.scalars(select(Image).where(Image.discard))).all()
        for row in rows:
            try:
                await self._discard(row)
            except DswError as error:
                log.info("deleted image is still there", image=row.id, error=error.sentence)
                continue
            async with self._control.db.write() as session:
                (await session.get_one(Image, row.id)).discard = False

    async def _discard(self, row: Image) -> None:
        if row.placed_tag and row.workspace_id and "@" not in row.digest:
            await self._untag(row.workspace_id, row.placed_tag)
        if await self._is_shared(row):
            return
        added = row.source == ImageSource.CUSTOM and not row.imported
        await self._control.engine.remove_image(row.digest if added else row.reference)
        if not row.is_ours or "@" not in row.digest:
            return
        try:
            async with self._control.db.read() as session:
                login = await login_for(session, self._control, row)
        except Conflict as error:
            log.warning("the registry keeps a deleted image", digest=row.digest, why=error.message)
            return
        async with registry_of(self._control, row, login) as there:
            status = await delete(there, parse_reference(row.digest))
        if status in REFUSED:
            log.warning("the registry keeps a deleted image", digest=row.digest, status=status)
        elif status not in GONE:
            raise Conflict(f"The registry answered {status}.")

    async def _untag(self, workspace_id: str, tag: str) -> None:
        async with self._control.db.read() as session:
            moved = await has_tag(session, workspace_id, tag)
        if not moved:
            await self._control.engine.remove_image(local_name(self._control, workspace_id, tag))

    async def _is_shared(self, row: Image) -> bool:
        """Whether another row of the catalog is the same image."""
        async with self._control.db.read() as session:
            same = (Image.digest == row.digest, Image.id != row.id, Image.retired_at.is_(None))
            return bool(await session.scalar(select(func.count()).where(*same)))
