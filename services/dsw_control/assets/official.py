"""The official images of `dsw.toml`: what engine and registries have of them now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.base import Model
from dsw.errors import DswError
from dsw.image_config import ImageConfig
from dsw.images import ImageSource, ImageUse, Visibility
from dsw.names import new_id
from dsw.references import names_a_host, parse_reference
from dsw.settings import OfficialImage
from dsw_control.assets import registry
from dsw_control.context import Control
from dsw_control.history import tell, tell_gone
from dsw_control.store.tables import Image

AGAIN = timedelta(minutes=10)

log = structlog.get_logger()


class Found(Model):
    """What an official image is now; `size` in bytes."""

    digest: str
    size: int
    config: ImageConfig


class OfficialImages:
    """Brings the official images into the catalog, by the digest they have now.

    An image is looked for in the engine, and where the engine has none and its reference names a
    registry's host, there, once: a start pulls it. A rebuilt image becomes a new row and the old
    one is retired, so that what an instance runs never changes under it.
    """

    def __init__(self, control: Control) -> None:
        self._control = control
        self._asked: dict[str, datetime] = {}

    async def turn(self) -> None:
        """One look at all of them."""
        control = self._control
        offered = control.settings.images.official
        if not control.engine.isolated:
            # There is but one environment: the workbench's own.
            offered = [*offered, OfficialImage(name="local", reference="local")][:1]
        async with control.db.read() as session:
            known = (await session.scalars(OFFERED)).all()
        found = [(official, await self._look(official, known)) for official in offered]
        async with control.db.write() as session:
            rows = (await session.scalars(OFFERED)).all()
            kept = [
                _offer(session, control, rows, place, offer) for place, offer in enumerate(found)
            ]
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

    async def _look(self, official: OfficialImage, known: Sequence[Image]) -> Found | None:
        """What there is of it now; None also when a registry told before."""
        local = await self._control.engine.image(official.reference)
        if local is not None:
            return Found(digest=local.digest, size=local.size, config=local.config)
        # Without a host it would be anybody's of that name in a public registry.
        named = names_a_host(official.reference.partition("/")[0])
        told = any(_was_told(row, official) for row in known)
        if told or not named or not self._control.engine.isolated:
            return None
        return await self._ask_registry(official.reference)

    async def _ask_registry(self, text: str) -> Found | None:
        control = self._control
        if text in self._asked and control.clock() - self._asked[text] < AGAIN:
            return None
        self._asked[text] = control.clock()
        try:
            reference = parse_reference(text)
            login = registry.own_login(control, reference.host)
            async with registry.opened(control.settings, reference.host, login) as there:
                found = await there.image(reference, await control.engine.platform())
        except DswError as error:
            log.info("official image not in its registry", reference=text, error=error.sentence)
            return None
        return Found(digest=str(reference.at(found.digest)), size=found.size, config=found.config)


OFFERED = select(Image).where(Image.source == ImageSource.OFFICIAL, Image.retired_at.is_(None))


def _was_told(row: Image, official: OfficialImage) -> bool:
    """Whether the row is what a registry said that this reference stands for."""
    same = row.name == official.name and row.reference == official.reference
    return same and "@" in row.digest


def _offer(
    session: AsyncSession,
    control: Control,
    rows: Sequence[Image],
    place: int,
    offer: tuple[OfficialImage, Found | None],
) -> Image:
    """The row of an official image as it is now: the one it had, or a new one."""
    official, found = offer
    named = (row for row in rows if row.name == official.name)
    image = next((row for row in named if found is None or row.digest == found.digest), None)
    if image is None:
        image = Image(
            id=new_id("img"),
            name=official.name,
            source=ImageSource.OFFICIAL,
            visibility=Visibility.PUBLIC,
            reference=official.reference,
            digest="",
            created_at=control.clock(),
        )
        session.add(image)
    if found is not None:
        image.digest, image.size = found.digest, found.size
        image.platform, image.use = found.config.platform, found.config.use
        image.labels = found.config.contents.model_dump()
        image.apps = [app.model_dump() for app in found.config.apps]
    if not control.engine.isolated:
        image.use = ImageUse.INSTANCE
    image.description, image.place = official.description, place
    image.available = found is not None or _was_told(image, official) or not control.engine.isolated
    return image
