"""The image catalog as it is read: lists, single images, and what an instance may start from."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.errors import Invalid, NotFound
from dsw.images import ImageFilter, ImageSource, ImageUse, ImageView, Visibility
from dsw.plan import RegistryLogin
from dsw.references import host_name, parse_reference
from dsw.workspaces import Policy
from dsw_control.access import not_from_an_instance
from dsw_control.assets.credentials import secret_of
from dsw_control.assets.official import OFFERED
from dsw_control.assets.registry import Registry, opened, own_login
from dsw_control.assets.sight import allowed, listed, visible
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.store.paging import PageRequest, paged
from dsw_control.store.tables import Image, Workspace
from dsw_control.tenancy.policies import check_image
from dsw_control.views import image_view

_ORDER = ((Image.place, False), (Image.created_at, True), (Image.id, False))


async def list_images(
    control: Control,
    caller: Caller,
    wanted: ImageFilter | None = None,
    request: PageRequest | None = None,
) -> tuple[list[ImageView], str | None]:
    """What the caller may start from: official images in their order, then the newest first."""
    not_from_an_instance(caller)
    async with control.db.read() as session:
        clauses = await listed(session, caller, wanted or ImageFilter())
        query = select(Image).where(*clauses)
        rows, following = await paged(session, query, _ORDER, request or PageRequest())
    return [image_view(row) for row in rows], following


async def get_image(control: Control, caller: Caller, image_id: str) -> ImageView:
    """One image, retired ones included (lineage needs them)."""
    not_from_an_instance(caller)
    async with control.db.read() as session:
        return image_view(await seen(session, caller, image_id))


async def seen(session: AsyncSession, caller: Caller, image_id: str, lock: bool = False) -> Image:
    """The image, when the caller may know of it; `NotFound` otherwise. `lock` it to change it."""
    query = select(Image).where(Image.id == image_id, await visible(session, caller))
    row = await session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise no_image(image_id)
    return row


async def usable(
    session: AsyncSession, control: Control, caller: Caller, workspace_id: str, image_id: str
) -> Image:
    """The image, when an instance in this workspace may start from it; it stays till the commit."""
    query = select(Image).where(
        Image.id == image_id,
        Image.retired_at.is_(None),
        (Image.visibility == Visibility.PUBLIC) | (Image.workspace_id == workspace_id),
        await visible(session, caller),
    )
    row = await session.scalar(query.with_for_update(read=True))
    if row is None:
        raise no_image(image_id)
    workspace = await session.get_one(Workspace, workspace_id)
    check_image(Policy.model_validate(workspace.policy), row)
    if row.use == ImageUse.JOB:
        raise Invalid(
            f"The image {row.name!r} is for jobs only: it lacks the entry point of an instance.",
            "Choose another one, or build it on top of an official image.",
        )
    if not row.available:
        raise Invalid(
            f"The image {row.name!r} is in the catalog, but neither the engine nor a registry "
            "has it.",
            "An administrator can build it with: dsw images build"
            if row.source == ImageSource.OFFICIAL
            else "Add it again, or choose another one.",
        )
    return row


async def login_for(session: AsyncSession, control: Control, image: Image) -> RegistryLogin | None:
    """What the engine shows the image's registry when it pulls: the image's own credential, or for
    what this installation put into its registry the installation's. Never that for a reference
    that a user gave: it opens more than the user may see."""
    host = host_name(image.digest.partition("/")[0])
    if image.credential:
        username, secret = await secret_of(session, control, image.credential, host)
        return RegistryLogin(username=username, secret=secret)
    given = image.source == ImageSource.CUSTOM and not image.imported
    return None if given else own_login(control, host)


def registry_of(
    control: Control, image: Image, login: RegistryLogin | None
) -> AbstractAsyncContextManager[Registry]:
    """The registry that the image is in. What control itself put into one on this machine, an
    administrator had named: it is reached by plain http."""
    host = parse_reference(image.digest).host
    return opened(control.settings, host, login, is_plain(control, image))


def is_plain(control: Control, image: Image) -> bool:
    """Whether the image is in a workspace's registry that is reached by plain http."""
    host = parse_reference(image.digest).host
    own = host == host_name(control.settings.registry.address)
    return image.is_ours and not own and host.partition(":")[0] in ("localhost", "127.0.0.1")


async def first_official(session: AsyncSession, control: Control, workspace_id: str) -> Image:
    """The image for a server that was started without naming one: the first that is allowed in
    the workspace and there."""
    workspace = await session.get_one(Workspace, workspace_id)
    images = Policy.model_validate(workspace.policy).images
    query = OFFERED.where(allowed(images), Image.use != ImageUse.JOB)
    query = query.order_by(Image.available.desc(), Image.place, Image.id)
    row = await session.scalar(query.limit(1))
    if row is None:
        raise NotFound(
            "The catalog has no official image for this workspace.", "Ask an administrator."
        )
    return row


def no_image(image_id: str) -> NotFound:
    """The refusal of an image that is not, or not for the caller."""
    return NotFound(
        f"There is no image {image_id[:80]!r} in the catalog.",
        "An image is named by its catalog id (img-...); see GET /images.",
    )
