"""The image that an import ends in, the checks before, and what is taken back without one."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.archives import ArchiveResult
from dsw.base import Model
from dsw.errors import Conflict, Invalid
from dsw.image_config import ImageConfig, read_config
from dsw.image_environment import refused
from dsw.images import ImageSource, Visibility
from dsw.names import image_tag, new_id
from dsw.references import host_name, parse_reference
from dsw.roles import Action
from dsw.transfers import TransferState
from dsw_control.assets import registry
from dsw_control.assets.image_tags import take_tag
from dsw_control.assets.manifests import not_for, read_json
from dsw_control.assets.registry_writes import delete
from dsw_control.context import Control
from dsw_control.history import tell
from dsw_control.records.audit import record
from dsw_control.registries import Home, home_of, login_to
from dsw_control.store.tables import Image, ImageTransfer


class Arrived(Model):
    """An image that is where it belongs; `size` in bytes."""

    reference: str
    digest: str
    size: int
    config: ImageConfig
    credential: str | None = None


def check_config(text: str, platform: str) -> None:
    """`Invalid` for an image that cannot run here, or that would load code into other programs."""
    try:
        tree = read_json(text.encode())
        config = read_config(tree.get("os"), tree.get("architecture"), tree.get("config"))
    except (ValueError, AttributeError) as error:
        raise Invalid("The image's configuration cannot be read.") from error
    _check(config, platform)


async def add_image(control: Control, row: ImageTransfer, result: ArchiveResult) -> bool:
    """Put what was pushed or loaded into the catalog, and end the transfer; False when it was
    cancelled."""
    arrived = await _arrived(control, row, result)
    _check(arrived.config, await control.engine.platform())
    before: Image | None = None
    async with control.db.write() as session:
        now = await session.get(ImageTransfer, row.id, with_for_update=True)
        if now is None or now.state != TransferState.WORKING or now.cancel:
            return False
        image = _new_image(control, now, arrived)
        session.add(image)
        await session.flush()
        if now.tag:
            before = await take_tag(session, image, now.tag)
        now.state, now.image_id = TransferState.READY, image.id
        now.ended_at = control.clock()
        target = (image.id, image.workspace_id)
        record(session, control, None, Action.IMAGE_ADD, target, did="import", transfer=now.id)
    for one in (image, before):
        if one is not None:
            tell(control, one)
    control.wake_tags.set()
    return True


async def undo(control: Control, row: ImageTransfer, pushed: bool) -> None:
    """Take an import that failed out of the engine, and out of the registry if it was pushed."""
    await control.engine.remove_image(image_tag(control.settings.installation, row.id))
    if not pushed:
        return
    async with control.db.read() as session:
        home = await home_of(session, control, row.workspace_id)
        if home is None:
            return
        login = await login_to(session, control, home)
    place = parse_reference(f"{home.name}:{row.id}")
    async with registry.opened(control.settings, place.host, login, home.insecure) as there:
        if not (digest := await there.digest(place)):
            return
        async with control.db.read() as session:
            shared = await _is_in_the_catalog(session, home, digest)
        if not shared:
            await delete(there, place.at(digest))


def _check(config: ImageConfig, platform: str) -> None:
    if config.platform != platform:
        raise not_for(config.platform, platform)
    lines = (config.config.env if config.config else None) or []
    if names := refused(lines):
        raise Invalid(
            f"The image sets {', '.join(names)[:200]}, by which programs load foreign code.",
            "Build it without, then import it again.",
        )


async def _arrived(control: Control, row: ImageTransfer, result: ArchiveResult) -> Arrived:
    if not result.digest:
        tag = image_tag(control.settings.installation, row.id)
        found = await control.engine.image(tag)
        if found is None:
            raise Conflict("The engine does not have the image.", "Import the archive again.")
        return Arrived(reference=tag, digest=found.digest, size=found.size, config=found.config)
    async with control.db.read() as session:
        home = await home_of(session, control, row.workspace_id)
        if home is None:
            raise Conflict("The workspace's registry was changed.", "Import the archive again.")
        login = await login_to(session, control, home)
    pinned = parse_reference(f"{home.name}@{result.digest}")
    async with registry.opened(control.settings, pinned.host, login, home.insecure) as there:
        remote = await there.image(pinned, await control.engine.platform())
    return Arrived(
        reference=str(pinned),
        digest=str(pinned),
        size=remote.size,
        config=remote.config,
        credential=home.credential,
    )


def _new_image(control: Control, row: ImageTransfer, arrived: Arrived) -> Image:
    config = arrived.config
    return Image(
        id=new_id("img"),
        name=row.name,
        description=row.description,
        source=ImageSource.CUSTOM,
        imported=True,
        workspace_id=row.workspace_id,
        owner=row.owner,
        reference=arrived.reference,
        digest=arrived.digest,
        size=arrived.size,
        visibility=Visibility.PRIVATE,
        labels=config.contents.model_dump(),
        platform=config.platform,
        use=config.use,
        apps=[app.model_dump() for app in config.apps],
        credential=arrived.credential,
        available=True,
        created_at=control.clock(),
    )


async def _is_in_the_catalog(session: AsyncSession, home: Home, digest: str) -> bool:
    host = host_name(home.host)
    names = {f"{home.name}@{digest}", f"{host}/{home.repository}@{digest}"}
    query = select(Image.id).where(Image.digest.in_(names), Image.retired_at.is_(None))
    return await session.scalar(query) is not None
