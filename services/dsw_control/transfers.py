"""Archives of images that people take out and bring in: what they ask for and see."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.errors import Conflict, Forbidden, NotFound
from dsw.names import new_id
from dsw.roles import Action
from dsw.transfers import ImageImport, TransferKind, TransferState, TransferView
from dsw_control.access import not_from_an_instance, require, standing, standings
from dsw_control.assets.image_changes import needs_images
from dsw_control.assets.image_tags import may_take
from dsw_control.assets.images import seen
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.engines.docker_archives import archive_file
from dsw_control.records.audit import record
from dsw_control.records.idempotency import Once, earlier, remember
from dsw_control.store.paging import Key, PageRequest, paged
from dsw_control.store.tables import ImageTransfer
from dsw_control.tenancy import workspaces
from dsw_control.transfer_files import Upload, check_room, delete_files, size_of

KEPT = timedelta(hours=24)
AT_ONCE = 3
"""Transfers of one user that have not ended."""
UNDER_WAY = (TransferState.RECEIVING, TransferState.WORKING)

_NEWEST_FIRST: list[Key] = [(ImageTransfer.created_at, True), (ImageTransfer.id, True)]


async def export_image(
    control: Control, caller: Caller, image_id: str, once: Once | None = None
) -> TransferView:
    """Have an archive made of an image of one of the caller's workspaces."""
    not_from_an_instance(caller)
    needs_images(control)
    async with control.db.write() as session:
        image = await seen(session, caller, image_id)
        if image.workspace_id is None:
            raise Conflict(
                f"{image.name!r} is an official image.", "The operator has what it was built from."
            )
        if not (await standing(session, caller, image.workspace_id)).roles:
            raise Forbidden(
                f"The image {image.name!r} belongs to a workspace that you are not in.",
                "Ask its owner.",
            ).about(image.workspace_id)
        await require(session, caller, image.workspace_id, Action.IMAGE_ADD)
        if made := await earlier(session, once):
            return transfer_view(control, await session.get_one(ImageTransfer, made))
        if image.retired_at is not None or not image.available:
            raise Conflict(f"The image {image.name!r} is not there any more.")
        await _check_few(session, caller)
        await check_room(control, session, image.size or 0)
        row = _new_row(control, caller, image.workspace_id, TransferKind.EXPORT)
        row.state, row.image_id, row.name = TransferState.WORKING, image.id, image.name
        row.tag = image.tag
        session.add(row)
        remember(session, control, once, row.id)
        target = (image.id, row.workspace_id)
        record(session, control, caller, Action.IMAGE_ADD, target, did="export", transfer=row.id)
    control.wake_transfers.set()
    return transfer_view(control, row)


async def import_image(
    control: Control, caller: Caller, body: ImageImport, once: Once | None = None
) -> TransferView:
    """Begin to take in an archive; its bytes are sent next."""
    not_from_an_instance(caller)
    needs_images(control)
    async with control.db.write() as session:
        workspace = await workspaces.find(session, caller, body.workspace)
        await require(session, caller, workspace.id, Action.IMAGE_ADD)
        if made := await earlier(session, once):
            return transfer_view(control, await session.get_one(ImageTransfer, made))
        if body.tag:
            await may_take(session, caller, workspace.id, body.tag)
        await _check_few(session, caller)
        await check_room(control, session, body.size)
        row = _new_row(control, caller, workspace.id, TransferKind.IMPORT)
        row.state, row.name, row.description = TransferState.RECEIVING, body.name, body.description
        row.tag, row.size = body.tag, body.size
        session.add(row)
        remember(session, control, once, row.id)
        target = (row.id, row.workspace_id)
        record(session, control, caller, Action.IMAGE_ADD, target, did="import", name=row.name)
    return transfer_view(control, row)


async def list_transfers(
    control: Control, caller: Caller, page: PageRequest
) -> tuple[list[TransferView], str | None]:
    """The caller's transfers in the workspaces that they are in, newest first."""
    not_from_an_instance(caller)
    async with control.db.read() as session:
        found = await standings(session, caller)
        mine = [key for key, one in found.items() if one.reads(Action.IMAGE_ADD)]
        query = select(ImageTransfer).where(
            ImageTransfer.owner == caller.name, ImageTransfer.workspace_id.in_(mine)
        )
        rows, cursor = await paged(session, query, _NEWEST_FIRST, page)
        return [transfer_view(control, row) for row in rows], cursor


async def get_transfer(control: Control, caller: Caller, transfer_id: str) -> TransferView:
    """One transfer of the caller's."""
    async with control.db.read() as session:
        return transfer_view(control, await _own(session, caller, transfer_id))


async def receive(
    control: Control,
    caller: Caller,
    transfer_id: str,
    offset: int,
    chunks: AsyncIterator[bytes],
) -> TransferView:
    """Append bytes to an import's file, from where it ends now. What has come stays when the
    connection breaks; the last byte ends the upload."""
    async with control.db.read() as session:
        row = await _own(session, caller, transfer_id, change=True)
    if row.state != TransferState.RECEIVING or row.cancel or row.size is None:
        raise Conflict(
            f"The transfer {transfer_id} takes no bytes: it is {row.state}.", "Begin a new import."
        )
    with Upload(archive_file(control.settings, row.id), offset, row.size) as upload:
        async for chunk in chunks:
            await upload.write(chunk)
        complete = await upload.settle()
    async with control.db.write() as session:
        now = await session.get(ImageTransfer, row.id, with_for_update=True)
        if now is None:
            raise _no_transfer(transfer_id)
        now.bytes_done = upload.size
        if complete and now.state == TransferState.RECEIVING:
            now.state = TransferState.WORKING
    control.wake_transfers.set()
    return transfer_view(control, now)


async def content_of(
    control: Control, caller: Caller, transfer_id: str
) -> tuple[Path, TransferView]:
    """The archive that an export made, to be downloaded."""
    async with control.db.read() as session:
        row = await _own(session, caller, transfer_id, change=True)
        view = transfer_view(control, row)
    path = archive_file(control.settings, row.id)
    if row.kind != TransferKind.EXPORT or row.state != TransferState.READY or not path.is_file():
        raise Conflict(
            f"The transfer {transfer_id} has no archive to download: it is {row.state}.",
            "An export has one for a day once it is Ready.",
        )
    return path, view


async def delete_transfer(control: Control, caller: Caller, transfer_id: str) -> None:
    """Cancel what is under way, forget what has ended; the archive is deleted."""
    async with control.db.write() as session:
        row = await _own(session, caller, transfer_id, change=True)
        target = (row.id, row.workspace_id)
        if row.state in UNDER_WAY:
            row.cancel = True
            record(session, control, caller, Action.IMAGE_ADD, target, did="cancel transfer")
        else:
            await session.delete(row)
            record(session, control, caller, Action.IMAGE_ADD, target, did="delete transfer")
    if row.cancel:
        control.wake_transfers.set()
    else:
        delete_files(control.settings, row.id)


def transfer_view(control: Control, row: ImageTransfer) -> TransferView:
    """A transfer as people see it."""
    view = TransferView.model_validate(row)
    if row.state == TransferState.RECEIVING:
        return view.model_copy(update={"bytes_done": size_of(control.settings, row.id)})
    if row.kind == TransferKind.EXPORT and row.state == TransferState.READY and row.ended_at:
        return view.model_copy(update={"expires_at": row.ended_at + KEPT})
    return view


def _new_row(
    control: Control, caller: Caller, workspace_id: str, kind: TransferKind
) -> ImageTransfer:
    return ImageTransfer(
        id=new_id("xfer"),
        kind=kind,
        workspace_id=workspace_id,
        owner=caller.name,
        description="",
        message="",
        bytes_done=0,
        cancel=False,
        created_at=control.clock(),
    )


async def _check_few(session: AsyncSession, caller: Caller) -> None:
    query = select(ImageTransfer.id).where(
        ImageTransfer.owner == caller.name, ImageTransfer.state.in_(UNDER_WAY)
    )
    if len((await session.scalars(query)).all()) >= AT_ONCE:
        raise Conflict(
            f"{AT_ONCE} of your transfers have not ended.", "Wait for one, or cancel one."
        )


async def _own(
    session: AsyncSession, caller: Caller, transfer_id: str, change: bool = False
) -> ImageTransfer:
    """The transfer, when it is the caller's and they may have one in its workspace still; locked
    in a transaction that writes, to `change` it."""
    not_from_an_instance(caller)
    row = await session.get(ImageTransfer, transfer_id, with_for_update=change or None)
    if row is None or row.owner != caller.name:
        raise _no_transfer(transfer_id)
    found = await standing(session, caller, row.workspace_id)
    if not found.roles:
        raise _no_transfer(transfer_id)
    if change or not found.reads(Action.IMAGE_ADD):
        found.check(Action.IMAGE_ADD)
    return row


def _no_transfer(transfer_id: str) -> NotFound:
    return NotFound(
        f"There is no transfer {transfer_id[:40]!r}.", "See GET /images/transfers for yours."
    )
