"""Tags of a workspace: names that one image at a time has, and that move to another."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.roles import Action
from dsw_control.access import require
from dsw_control.auth import Caller
from dsw_control.store.tables import Image, Workspace


async def take_tag(session: AsyncSession, image: Image, tag: str) -> Image | None:
    """Give the image this tag; the image that had it till now, if any. Two who want the same tag
    take it one after the other."""
    await session.get(Workspace, image.workspace_id, with_for_update=True, populate_existing=True)
    holder = await _holder(session, image.workspace_id, tag)
    if holder is not None and holder.id != image.id:
        holder.tag = None
        await session.flush()
    image.tag = tag
    return holder if holder is not image else None


async def may_take(session: AsyncSession, caller: Caller, workspace_id: str, tag: str) -> None:
    """`Forbidden` when another's image has the tag, and the caller may not change that image."""
    holder = await _holder(session, workspace_id, tag)
    if holder is not None and holder.retired_at is None and holder.owner != caller.name:
        await require(session, caller, workspace_id, Action.IMAGE_CHANGE)


async def _holder(session: AsyncSession, workspace_id: str | None, tag: str) -> Image | None:
    found: Image | None = await session.scalar(
        select(Image)
        .where(Image.workspace_id == workspace_id, Image.tag == tag)
        .execution_options(populate_existing=True)
    )
    return found
