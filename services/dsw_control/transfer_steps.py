"""What the helper of each step of a transfer is told, and which login it gets."""

from __future__ import annotations

import asyncio
import base64
import json

from sqlalchemy.ext.asyncio import AsyncSession

from dsw.archives import ArchiveRequest, ArchiveStep
from dsw.errors import Conflict
from dsw.names import image_tag
from dsw.plan import RegistryLogin
from dsw.references import host_name, parse_reference
from dsw.transfers import TransferKind
from dsw_control.assets.images import is_plain, login_for
from dsw_control.context import Control
from dsw_control.registries import home_of, login_to
from dsw_control.store.tables import Image, ImageTransfer
from dsw_control.transfer_access import password_of
from dsw_control.transfer_files import free


async def first_step(session: AsyncSession, row: ImageTransfer) -> ArchiveStep:
    """Where a transfer begins."""
    if row.kind == TransferKind.IMPORT:
        return ArchiveStep.UNPACK
    image = await session.get_one(Image, row.image_id)
    return ArchiveStep.FETCH if "@" in image.digest else ArchiveStep.SAVE


async def request_for(
    control: Control, row: ImageTransfer, step: ArchiveStep
) -> tuple[ArchiveRequest, str]:
    """A step's request and the login that goes with it."""
    platform = await control.engine.platform()
    if row.kind == TransferKind.EXPORT:
        return await _out(control, row, step, platform)
    asked = ArchiveRequest(step=step, platform=platform)
    if step is ArchiveStep.UNPACK:
        room = await asyncio.to_thread(free, control.settings)
        return asked.model_copy(update={"limit": max(room, 0)}), ""
    if step is not ArchiveStep.PUSH:
        tag = image_tag(control.settings.installation, row.id)
        return asked.model_copy(update={"name": tag}), ""
    async with control.db.read() as session:
        home = await home_of(session, control, row.workspace_id)
        if home is None:
            raise Conflict("The workspace's registry was changed.", "Import the archive again.")
        login = await login_to(session, control, home)
    changes = {"name": f"{home.name}:{row.id}", "insecure": home.insecure}
    return asked.model_copy(update=changes), _auth(control, row, home.host, login)


async def _out(
    control: Control, row: ImageTransfer, step: ArchiveStep, platform: str
) -> tuple[ArchiveRequest, str]:
    async with control.db.read() as session:
        image = await session.get_one(Image, row.image_id)
        login = await login_for(session, control, image) if "@" in image.digest else None
    asked = ArchiveRequest(
        step=step, image=image.digest, name=row.tag or "latest", platform=platform
    )
    if step is not ArchiveStep.FETCH:
        return asked, ""
    host = parse_reference(image.digest).host
    own = control.settings.registry
    insecure = own.insecure if host == host_name(own.address) else is_plain(control, image)
    return asked.model_copy(update={"insecure": insecure}), _auth(control, row, host, login)


def _auth(control: Control, row: ImageTransfer, host: str, login: RegistryLogin | None) -> str:
    """The login as a file for skopeo; that of our own registry's tokens is good for this transfer
    alone."""
    if login is None:
        return "{}"
    own = control.settings.registry
    if own.auth == "token" and host_name(host) == host_name(own.address):
        login = RegistryLogin(username=row.id, secret=password_of(control, row.id))
    pair = base64.b64encode(f"{login.username}:{login.secret}".encode()).decode()
    return json.dumps({"auths": {host: {"auth": pair}}})
