"""What depends on an image: instances that use it, and the images below and above it."""

from __future__ import annotations

from sqlalchemy import CTE, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from dsw.images import ImageUsage, ImageView
from dsw_control.access import known_instances, not_from_an_instance
from dsw_control.assets.images import seen
from dsw_control.assets.sight import visible
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.store.paging import PageRequest, paged
from dsw_control.store.tables import Image, Instance
from dsw_control.views import image_view

_ORDER = ((Image.created_at, False), (Image.id, False))


async def usage_of(control: Control, caller: Caller, image_id: str) -> ImageUsage:
    """Who uses an image: by name as far as the caller may read instances, the others counted."""
    not_from_an_instance(caller)
    async with control.db.read() as session:
        row = await seen(session, caller, image_id)
        names, others = await users_of(session, caller, row)
        grown = await session.scalars(
            select(Image.id)
            .where(Image.parent_id == row.id, await visible(session, caller))
            .order_by(*(column for column, _ in _ORDER))
        )
        return ImageUsage(instances=names, others=others, children=list(grown))


async def users_of(session: AsyncSession, caller: Caller, row: Image) -> tuple[list[str], int]:
    """The instances that use it, as `owner/name`, and how many the caller may not know."""
    found = await session.execute(
        select(Instance.owner, Instance.name, Instance.workspace_id)
        .where(Instance.image_id == row.id, Instance.deleted_at.is_(None))
        .order_by(Instance.owner, Instance.name)
    )
    return await known_instances(session, caller, found)


async def lineage_of(
    control: Control, caller: Caller, image_id: str, request: PageRequest
) -> tuple[list[ImageView], str | None]:
    """What the image grew from, itself, and what grew from it, in the order in which they were
    made; images that the caller may not know of are left out."""
    not_from_an_instance(caller)
    async with control.db.read() as session:
        row = await seen(session, caller, image_id)
        family = [select(part.c.id) for part in (_above(row.id), _below(row.id))]
        query = select(Image).where(
            Image.id.in_(family[0].union(family[1])), await visible(session, caller)
        )
        rows, following = await paged(session, query, _ORDER, request)
    return [image_view(one) for one in rows], following


def _above(image_id: str) -> CTE:
    start = select(Image.id, Image.parent_id).where(Image.id == image_id)
    line = start.cte("above", recursive=True)
    parent = aliased(Image)
    return line.union(select(parent.id, parent.parent_id).join(line, parent.id == line.c.parent_id))


def _below(image_id: str) -> CTE:
    line = select(Image.id).where(Image.id == image_id).cte("below", recursive=True)
    child = aliased(Image)
    return line.union(select(child.id).join(line, child.parent_id == line.c.id))
