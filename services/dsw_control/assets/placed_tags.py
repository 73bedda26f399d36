"""How engine and registry show which image has which tag of a workspace."""

from __future__ import annotations

import structlog
from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.errors import Conflict, DswError
from dsw.images import ImageSource
from dsw.references import parse_reference
from dsw_control.assets.images import login_for, registry_of
from dsw_control.assets.registry_writes import REFUSED, set_tag
from dsw_control.context import Control
from dsw_control.store.tables import Image

MADE = 201

log = structlog.get_logger()


def local_name(control: Control, workspace_id: str, tag: str) -> str:
    """The name of a tag in the engine."""
    return f"dsw-{control.settings.installation}/{workspace_id}:{tag}"


async def has_tag(session: AsyncSession, workspace_id: str, tag: str) -> bool:
    """Whether an image of the workspace has the tag now."""
    query = select(Image.id).where(Image.workspace_id == workspace_id, Image.tag == tag)
    return await session.scalar(query) is not None


class Tags:
    """Shows in engine and registries which image has which tag. A registry goes on showing one that
    no image has any more, until another image gets it or this one is deleted."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def turn(self) -> None:
        """One attempt for each tag that has moved."""
        async with self._control.db.read() as session:
            rows = await session.scalars(
                select(Image).where(
                    Image.tag.is_distinct_from(Image.placed_tag),
                    or_(Image.source == ImageSource.SNAPSHOT, Image.imported),
                    Image.retired_at.is_(None),
                )
            )
            todo = rows.all()
        for row in todo:
            try:
                await self._place(row)
            except DswError as error:
                log.info("tag not placed yet", image=row.id, tag=row.tag, error=error.sentence)
                continue
            async with self._control.db.write() as session:
                (await session.get_one(Image, row.id)).placed_tag = row.tag

    async def _place(self, row: Image) -> None:
        control, workspace_id = self._control, row.workspace_id or ""
        if row.placed_tag:
            async with control.db.read() as session:
                moved = await has_tag(session, workspace_id, row.placed_tag)
            if not moved and "@" not in row.digest:
                await control.engine.remove_image(local_name(control, workspace_id, row.placed_tag))
        if not row.tag:
            return
        if "@" not in row.digest:
            await control.engine.tag(row.digest, local_name(control, workspace_id, row.tag))
            return
        async with control.db.read() as session:
            login = await login_for(session, control, row)
        async with registry_of(control, row, login) as there:
            status = await set_tag(there, parse_reference(row.digest), row.tag)
        if status in REFUSED:
            log.warning("the registry takes no tag", image=row.id, tag=row.tag, status=status)
        elif status != MADE:
            raise Conflict(f"The registry answered {status}.")
