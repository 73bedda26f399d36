"""Looking again at an image of the catalog: whether it is still there, and what it can run."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from dsw.errors import Invalid
from dsw.image_config import ImageConfig
from dsw.images import ImageSource, ImageView
from dsw.plan import RegistryLogin
from dsw.references import parse_reference
from dsw.roles import Action
from dsw_control.access import not_from_an_instance, require_platform
from dsw_control.assets.image_changes import hint_of, needs_images, theirs, with_hint
from dsw_control.assets.images import login_for, registry_of, seen
from dsw_control.assets.registry import Registry
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.history import tell
from dsw_control.records import audit
from dsw_control.store.tables import Image


async def check_image(control: Control, caller: Caller, image_id: str) -> ImageView:
    """Ask engine and registry. What changes is `available`, `platform`, `use` and `apps`, never the
    digest: of a tag that names another image by now, the answer's hint tells."""
    not_from_an_instance(caller)
    needs_images(control)
    async with control.db.read() as session:
        row = await _checkable(session, caller, image_id)
        login = await login_for(session, control, row)
    config, hint = await _look(control, row, login)
    async with control.db.write() as session:
        row = await _checkable(session, caller, image_id)
        row.available = config is not None
        if config is not None:
            row.platform, row.use = config.platform, config.use
            row.apps = [app.model_dump() for app in config.apps]
        told = {"available": row.available, "use": row.use}
        target = (row.id, row.workspace_id)
        audit.record(session, control, caller, Action.IMAGE_CHANGE, target, **told)
    tell(control, row)
    return with_hint(row, hint or ("" if config is None else hint_of(config)))


async def _checkable(session: AsyncSession, caller: Caller, image_id: str) -> Image:
    row = await seen(session, caller, image_id)
    if row.source == ImageSource.OFFICIAL:
        require_platform(caller, Action.IMAGE_PUBLISH)
        return row
    return await theirs(session, caller, image_id, Action.IMAGE_ADD, Action.IMAGE_CHANGE)


async def _look(
    control: Control, row: Image, login: RegistryLogin | None
) -> tuple[ImageConfig | None, str]:
    """What the image says of itself now, None when it is nowhere, and a sentence if need be."""
    local = await control.engine.image(row.digest) if row.digest else None
    config, hint = None if local is None else local.config, ""
    if "@" in row.digest:
        async with registry_of(control, row, login) as there:
            remote, hint = await _ask(there, row, await control.engine.platform())
        config = remote or config
        if remote is None:
            hint = "Its registry does not have it any more" + (
                ", but the engine still does." if local else "."
            )
    elif config is None:
        hint = "The engine does not have it any more."
    return config, hint


async def _ask(there: Registry, row: Image, platform: str) -> tuple[ImageConfig | None, str]:
    pinned, named = parse_reference(row.digest), parse_reference(row.reference)
    if not await there.has(pinned):
        return None, ""
    found = await there.image(pinned, platform)
    if not named.tag:
        return found.config, ""
    try:
        now = await there.image(named, platform)
    except Invalid as error:
        return found.config, f"{named} is not what it was: {error.message}"
    if now.digest != found.digest:
        return found.config, f"{named} is another image by now; add it again to use that one."
    return found.config, ""
