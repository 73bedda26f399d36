"""The image catalog: official images follow the engine, snapshots are added when they are saved."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog
from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.errors import Conflict, Invalid, NotFound
from dsw.images import ImageSource, ImageView
from dsw.names import new_id
from dsw.plan import RegistryLogin
from dsw.roles import Action
from dsw.settings import OfficialImage
from dsw_control.access import not_from_an_instance, require
from dsw_control.assets.credentials import secret_of
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.engines.base import EngineImage
from dsw_control.history import tell, tell_gone
from dsw_control.store.tables import Image, Instance, Member
from dsw_control.views import image_view

log = structlog.get_logger()

_OFFERED = select(Image).where(Image.source == ImageSource.OFFICIAL, Image.retired_at.is_(None))


async def refresh_official(control: Control) -> None:
    """Bring the official images of `dsw.toml` into the catalog, by the digest they have now.

    A rebuilt image becomes a new row and the old one is retired, so that what an instance runs
    never changes under it.
    """
    offered = control.settings.images.official
    if not control.engine.isolated:
        # There is but one environment: the workbench's own.
        offered = [*offered, OfficialImage(name="local", reference="local")][:1]
    found = [(official, await control.engine.image(official.reference)) for official in offered]
    async with control.db.write() as session:
        rows = (await session.scalars(_OFFERED)).all()
        kept = [_offer(session, control, rows, *offer) for offer in found]
        changed = [row for row in kept if row in session.new or session.is_modified(row)]
        # Rebuilt, or taken out of `dsw.toml`: offered no more; instances keep it.
        retired = [row for row in rows if row not in kept]
        for row in retired:
            row.retired_at = control.clock()
    for row in changed:
        log.info("catalog image", image=row.name, digest=row.digest, available=row.available)
        tell(control, row)
    for row in retired:
        tell_gone(control, row)


def _offer(
    session: AsyncSession,
    control: Control,
    rows: Sequence[Image],
    official: OfficialImage,
    found: EngineImage | None,
) -> Image:
    """The row of an official image as the engine has it now: the one it had, or a new one."""
    named = (row for row in rows if row.name == official.name)
    image = next((row for row in named if found is None or row.digest == found.digest), None)
    if image is None:
        image = Image(
            id=new_id("img"),
            name=official.name,
            source=ImageSource.OFFICIAL,
            reference=official.reference,
            digest="",
            created_at=control.clock(),
        )
        session.add(image)
    if found is not None:
        image.digest, image.size = found.digest, found.size
    image.description = official.description
    image.available = found is not None or not control.engine.isolated
    return image


def _offer_order(control: Control) -> Callable[[ImageView | Image], int]:
    """Official images as `dsw.toml` lists them, then all others."""
    names = [official.name for official in control.settings.images.official]
    places = {name: place for place, name in enumerate(names)}

    def place(image: ImageView | Image) -> int:
        official = image.source == ImageSource.OFFICIAL
        return places.get(image.name, 0) if official else len(names)

    return place


async def list_images(control: Control, caller: Caller) -> list[ImageView]:
    """What the caller may start from: official images in their order, then the newest first."""
    async with control.db.read() as session:
        rows = await session.scalars(
            select(Image)
            .where(Image.retired_at.is_(None), _visible(caller))
            .order_by(Image.created_at.desc())
        )
        views = [image_view(row) for row in rows]
    return sorted(views, key=_offer_order(control))


async def get_image(control: Control, caller: Caller, image_id: str) -> ImageView:
    """One image, retired ones included (lineage needs them)."""
    async with control.db.read() as session:
        row = await session.scalar(select(Image).where(Image.id == image_id, _visible(caller)))
        if row is None:
            raise _no_image(image_id)
        return image_view(row)


async def usable(
    session: AsyncSession, control: Control, caller: Caller, workspace_id: str, image_id: str
) -> Image:
    """The image, when an instance in this workspace may start from it."""
    row = await session.scalar(
        select(Image).where(
            Image.id == image_id,
            Image.retired_at.is_(None),
            or_(Image.workspace_id.is_(None), Image.workspace_id == workspace_id),
            _visible(caller),
        )
    )
    if row is None:
        raise _no_image(image_id)
    if not row.available:
        raise Invalid(
            f"The image {row.name!r} is in the catalog, but the engine does not have it.",
            "An administrator can build it with: dsw images build",
        )
    return row


async def login_for(session: AsyncSession, control: Control, image: Image) -> RegistryLogin | None:
    """What the engine shows the image's registry when it pulls: the image's own credential, or for
    what this installation put into its registry the installation's. Never that for a reference
    that a user gave: it opens more than the user may see."""
    host = image.digest.partition("/")[0]
    if image.credential:
        username, secret = await secret_of(session, control, image.credential, host)
        return RegistryLogin(username=username, secret=secret)
    registry = control.settings.registry
    if image.source == ImageSource.CUSTOM or not registry.username or host != registry.address:
        return None
    return RegistryLogin(username=registry.username, secret=control.registry_password)


async def first_official(session: AsyncSession, control: Control) -> Image:
    """The image for a server that was started without naming one."""
    found = sorted(await session.scalars(_OFFERED), key=_offer_order(control))
    if not found:
        raise NotFound("The catalog has no official image.", "Ask an administrator.")
    return next((row for row in found if row.available), found[0])


async def delete_image(control: Control, caller: Caller, image_id: str) -> None:
    """Take a saved image out of the catalog and the engine, unless an instance needs it."""
    not_from_an_instance(caller)
    async with control.db.write() as session:
        row = await session.scalar(
            select(Image).where(Image.id == image_id, Image.retired_at.is_(None), _visible(caller))
        )
        if row is None:
            raise _no_image(image_id)
        if row.source == ImageSource.OFFICIAL or row.workspace_id is None:
            raise Conflict(
                f"{row.name!r} is an official image.",
                "It is removed from dsw.toml by the operator.",
            )
        own = row.owner == caller.name
        action = Action.IMAGE_DELETE_OWN if own else Action.IMAGE_DELETE
        await require(session, caller, row.workspace_id, action)
        user = await session.scalar(
            select(Instance).where(Instance.image_id == row.id, Instance.deleted_at.is_(None))
        )
        if user is not None:
            seen = f"{user.display_name!r} of {user.owner}"
            raise Conflict(
                f"The image {row.name!r} is in use by the instance {seen}.",
                "Delete that instance, or change its image, first.",
            )
        row.retired_at = control.clock()
    await control.engine.remove_image(row.reference)
    tell_gone(control, row)


def _visible(caller: Caller) -> ColumnElement[bool]:
    """Official images, one's own, and those of workspaces that one administrates."""
    if caller.admin:
        return Image.id.is_not(None)
    mine = select(Member.workspace_id).where(Member.username == caller.name)
    return or_(
        Image.workspace_id.is_(None),
        (Image.owner == caller.name) & Image.workspace_id.in_(mine),
    )


def _no_image(image_id: str) -> NotFound:
    return NotFound(
        f"There is no image {image_id[:80]!r} in the catalog.",
        "An image is named by its catalog id (img-...); see GET /images.",
    )
