"""Images that people add to the catalog and change, and who may."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from dsw.errors import Conflict, Forbidden
from dsw.image_config import ImageConfig
from dsw.images import (
    CredentialKind,
    ImageAdd,
    ImageChange,
    ImageLabels,
    ImageSource,
    ImageUse,
    ImageView,
    Visibility,
)
from dsw.names import new_id
from dsw.plan import RegistryLogin
from dsw.references import ImageReference, parse_reference
from dsw.roles import Action
from dsw_control.access import not_from_an_instance, require, require_platform, standing
from dsw_control.assets import registry
from dsw_control.assets.credentials import fitting, login_of
from dsw_control.assets.image_tags import may_take, take_tag
from dsw_control.assets.images import no_image, seen
from dsw_control.assets.registry import RemoteImage
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.etags import check_match
from dsw_control.history import tell
from dsw_control.records import audit
from dsw_control.records.idempotency import Once, earlier, remember
from dsw_control.store.tables import Image, Workspace
from dsw_control.tenancy import workspaces
from dsw_control.views import image_view

FOR_JOBS = "It has not the entry point of an instance, so it is for jobs only."


async def add_image(
    control: Control, caller: Caller, body: ImageAdd, once: Once | None = None
) -> ImageView:
    """Add what a reference stands for now: its digest is what will run, whatever its tag becomes.

    The registry is asked before anything is written; rights are looked at before and after.
    """
    not_from_an_instance(caller)
    needs_images(control)
    reference = parse_reference(body.reference)
    async with control.db.read() as session:
        workspace_id = await _may_add(session, caller, body)
        login = await _login(session, control, workspace_id, body, reference)
        made = await earlier(session, once)
    if made is None:
        async with registry.opened(control.settings, reference.host, login) as there:
            found = await there.image(reference, await control.engine.platform())
    async with control.db.write() as session:
        workspace_id = await _may_add(session, caller, body)
        if made := await earlier(session, once):
            return image_view(await seen(session, caller, made))
        await _login(session, control, workspace_id, body, reference)
        row = _new_row(control, body, reference, found)
        row.workspace_id, row.owner = workspace_id, caller.name
        session.add(row)
        remember(session, control, once, row.id)
        detail = {"name": row.name, "digest": row.digest, "visibility": row.visibility}
        audit.record(session, control, caller, Action.IMAGE_ADD, (row.id, workspace_id), **detail)
    tell(control, row)
    return with_hint(row, hint_of(found.config))


async def change_image(
    control: Control, caller: Caller, image_id: str, body: ImageChange, if_match: str | None = None
) -> ImageView:
    """Change what people read of an image, and who sees it."""
    not_from_an_instance(caller)
    async with control.db.write() as session:
        if body.tag is not None:
            # Whoever locks both locks the workspace first.
            known = await seen(session, caller, image_id)
            await session.get(Workspace, known.workspace_id or "", with_for_update=True)
        row = await theirs(session, caller, image_id, Action.IMAGE_ADD, Action.IMAGE_CHANGE)
        if Visibility.PUBLIC in (row.visibility, body.visibility):
            require_platform(caller, Action.IMAGE_PUBLISH)
        check_match(if_match, image_view(row))
        changes = body.model_dump(mode="json", exclude_none=True)
        for field, value in changes.items():
            if field != "tag":
                setattr(row, field, value)
        before = None if body.tag is None else await _move_tag(session, caller, row, body.tag)
        if before is not None:
            changes["tag_from"] = before.id
        target = (row.id, row.workspace_id)
        audit.record(session, control, caller, Action.IMAGE_CHANGE, target, **changes)
    for one in (row, before):
        if one is not None:
            tell(control, one)
    control.wake_tags.set()
    return image_view(row)


async def _move_tag(session: AsyncSession, caller: Caller, row: Image, tag: str) -> Image | None:
    """The other image that had the tag."""
    if not tag:
        row.tag = None
        return None
    await may_take(session, caller, row.workspace_id or "", tag)
    return await take_tag(session, row, tag)


async def theirs(
    session: AsyncSession, caller: Caller, image_id: str, own: Action, other: Action
) -> Image:
    """The offered image, locked, when the caller may do this to it: `own` is what it takes when
    it is theirs, `other` when not. Official images are nobody's (`Conflict`)."""
    row = await seen(session, caller, image_id, lock=True)
    if row.retired_at is not None:
        raise no_image(image_id)
    if row.source == ImageSource.OFFICIAL or row.workspace_id is None:
        raise Conflict(
            f"{row.name!r} is an official image.", "The operator keeps those in dsw.toml."
        )
    if not (await standing(session, caller, row.workspace_id)).roles:
        raise Forbidden(
            f"The image {row.name!r} belongs to a workspace that you are not in.",
            "Ask its owner.",
        ).about(row.workspace_id)
    await require(session, caller, row.workspace_id, own if row.owner == caller.name else other)
    return row


def needs_images(control: Control) -> None:
    """`Conflict` where instances are processes."""
    if not control.engine.isolated:
        raise Conflict(
            "This workbench runs instances as local processes, which have no images.",
            "Set it up with a container engine: scripts/up --engine docker",
        )


def hint_of(config: ImageConfig) -> str:
    """What is to be said of an image by its configuration."""
    for_jobs = FOR_JOBS if config.use == ImageUse.JOB else ""
    return " ".join(filter(None, (for_jobs, config.wrong_apps)))


def with_hint(row: Image, hint: str) -> ImageView:
    """The view of a row that was just looked at."""
    return image_view(row).model_copy(update={"hint": hint})


async def _may_add(session: AsyncSession, caller: Caller, body: ImageAdd) -> str:
    """The workspace's id."""
    workspace = await workspaces.find(session, caller, body.workspace)
    await require(session, caller, workspace.id, Action.IMAGE_ADD)
    if body.visibility == Visibility.PUBLIC:
        require_platform(caller, Action.IMAGE_PUBLISH)
    return workspace.id


async def _login(
    session: AsyncSession,
    control: Control,
    workspace_id: str,
    body: ImageAdd,
    reference: ImageReference,
) -> RegistryLogin | None:
    """What the named credential opens; from here to the commit nobody deletes it."""
    if body.credential is None:
        return None
    row = await fitting(
        session, workspace_id, body.credential, CredentialKind.REGISTRY, reference.host
    )
    return login_of(control, row)


def _new_row(
    control: Control, body: ImageAdd, reference: ImageReference, found: RemoteImage
) -> Image:
    labels = found.config.contents.model_dump()
    labels |= {key: text for key, text in (body.labels or ImageLabels()) if text}
    return Image(
        id=new_id("img"),
        name=body.name,
        description=body.description,
        source=ImageSource.CUSTOM,
        reference=str(reference),
        digest=str(reference.at(found.digest)),
        size=found.size,
        visibility=body.visibility,
        labels=labels,
        platform=found.config.platform,
        use=found.config.use,
        apps=[app.model_dump() for app in found.config.apps],
        credential=body.credential,
        available=True,
        created_at=control.clock(),
    )
