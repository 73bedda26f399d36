"""Uploads: files that people send into datasets in pieces, and what they see of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.datasets import UploadCreate, UploadState, UploadView
from dsw.errors import Conflict, DswError, Invalid, NotFound
from dsw.names import new_id
from dsw.roles import Action
from dsw.units import format_size
from dsw_control.access import not_from_an_instance, standing, standings
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.data.datasets import seen
from dsw_control.data.files import Target, contents_of, file_path, writable
from dsw_control.data.folder_files import STAGED, NoRoom, on_disk
from dsw_control.data.object_files import ObjectFiles
from dsw_control.data.places import Place, located
from dsw_control.data.staging import (
    Arriving,
    InData,
    InFolder,
    check_room,
    is_there,
    staging_of,
)
from dsw_control.records.audit import record
from dsw_control.records.idempotency import Once, earlier, remember
from dsw_control.records.storage import check_storage
from dsw_control.store.paging import Key, PageRequest, paged
from dsw_control.store.tables import Dataset, DatasetVersion, Upload

KEPT = timedelta(days=1)
"""How long an upload waits for its next byte, and is remembered after its end."""
AT_ONCE = 20
"""Uploads of one user that have not ended."""
UNDER_WAY = (UploadState.RECEIVING, UploadState.STORING)
NOTED = 64 * 2**20
"""Bytes of one request after which the row is told how many came."""

_NEWEST_FIRST: list[Key] = [(Upload.created_at, True), (Upload.id, True)]


class _OverError(Conflict):
    """The upload has ended."""


async def create_upload(
    control: Control,
    caller: Caller,
    dataset_id: str,
    body: UploadCreate,
    once: Once | None = None,
) -> UploadView:
    """Begin an upload into the newest version of a dataset; its bytes are sent next."""
    path = file_path(body.path)
    _check_body(control, path, body.size)
    async with control.db.read() as session:
        target = await writable(session, control, caller, dataset_id)
        if made := await earlier(session, once):
            return await _view(session, control, await session.get_one(Upload, made))
        row = _new_row(control, caller, target, path, body)
        staging = staging_of(control.settings, target.place, row)
        row.staged = staging.named
        contents = await contents_of(session, control, target.place, target.dataset.name)
        promised = await _promised(session, row)
    await _check_target(contents, staging, row)
    await on_disk(lambda: check_room(staging, row.size, promised))
    async with control.db.write() as session:
        target = await writable(session, control, caller, dataset_id)
        if made := await earlier(session, once):
            return await _view(session, control, await session.get_one(Upload, made))
        await _check_few(session, caller)
        if not target.place.storage_class:
            await check_storage(session, control, row.workspace_id)
        session.add(row)
        remember(session, control, once, row.id)
        about = (target.dataset.id, row.workspace_id)
        detail = {"did": "upload", "upload": row.id, "path": path, "size": row.size}
        record(session, control, caller, Action.DATASET_WRITE, about, **detail)
    return UploadView.model_validate(row)


async def list_uploads(
    control: Control, caller: Caller, page: PageRequest
) -> tuple[list[UploadView], str | None]:
    """The caller's uploads that are under way where they may write, newest first."""
    not_from_an_instance(caller)
    async with control.db.read() as session:
        found = await standings(session, caller)
        mine = [key for key, one in found.items() if one.reads(Action.DATASET_WRITE)]
        query = select(Upload).where(
            Upload.owner == caller.name,
            Upload.workspace_id.in_(mine),
            Upload.state.in_(UNDER_WAY),
        )
        rows, cursor = await paged(session, query, _NEWEST_FIRST, page)
        return [await _view(session, control, row) for row in rows], cursor


async def get_upload(control: Control, caller: Caller, upload_id: str) -> UploadView:
    """One upload of the caller's."""
    async with control.db.read() as session:
        return await _view(session, control, await _own(session, caller, upload_id))


async def receive(
    control: Control,
    caller: Caller,
    upload_id: str,
    offset: int,
    announced: int | None,
    chunks: AsyncIterator[bytes],
) -> UploadView:
    """Append bytes to an upload from where it ends now. What has come stays when the connection
    breaks; after the last byte the file is stored. `announced`: bytes that this request brings."""
    async with control.db.read() as session:
        row = await _own(session, caller, upload_id)
        await writable(session, control, caller, row.dataset_id)
        _check_receiving(row)
        place = await place_of_upload(session, control, row)
    if announced is not None and offset + announced > row.size:
        raise Invalid(
            f"These are more than the {row.size} bytes that were announced.",
            "Begin anew with its real size.",
        )
    staging = staging_of(control.settings, place, row)
    try:
        with Arriving(await on_disk(staging.open), offset, row.size, row.path) as file:
            complete = await _take(control, row, file, chunks)
            return await _note(control, upload_id, file.size, complete)
    except NoRoom as error:
        await _give_up(control, row, staging, error.sentence)
        raise
    except _OverError:
        # It was cancelled, and this request may have made the file again since.
        await on_disk(staging.discard)
        raise


async def delete_upload(control: Control, caller: Caller, upload_id: str) -> None:
    """Cancel what is under way, forget what has ended."""
    async with control.db.write() as session:
        row = await _own(session, caller, upload_id, lock=True)
        about = (row.dataset_id, row.workspace_id)
        detail = {"upload": row.id, "path": row.path}
        if row.state in UNDER_WAY:
            end(control, row, UploadState.CANCELLED, "")
            detail["did"] = "cancel upload"
        elif row.staged:
            raise Conflict("What is left of this upload is being removed.", "Try in a moment.")
        else:
            await session.delete(row)
            detail["did"] = "forget upload"
        record(session, control, caller, Action.DATASET_WRITE, about, **detail)
    control.wake_uploads.set()


async def place_of_upload(session: AsyncSession, control: Control, row: Upload) -> Place:
    """Where the version is that an upload goes into."""
    dataset = await session.get_one(Dataset, row.dataset_id)
    version = await session.get_one(DatasetVersion, (row.dataset_id, row.version))
    return await located(session, control, dataset, version)


def end(control: Control, row: Upload, state: UploadState, message: str) -> None:
    """The row of an upload that is over; the worker removes what is staged."""
    row.state, row.message = state, message
    row.ended_at = row.changed_at = control.clock()


def _check_body(control: Control, path: str, size: int) -> None:
    most = control.settings.datasets.upload_max
    if size > most:
        raise Invalid(
            f"Files of up to {format_size(most)} may be uploaded, and this one has "
            f"{format_size(size)}.",
            "Copy it from inside an instance that has the dataset mounted.",
        )
    if path.rpartition("/")[2].startswith(STAGED):
        raise Invalid(f"A name that begins with {STAGED!r} is kept for uploads.", "Choose another.")


def _new_row(
    control: Control, caller: Caller, target: Target, path: str, body: UploadCreate
) -> Upload:
    now = control.clock()
    return Upload(
        id=new_id("upl"),
        dataset_id=target.dataset.id,
        version=target.version.number,
        workspace_id=target.dataset.workspace_id,
        owner=caller.name,
        path=path,
        size=body.size,
        bytes_done=0,
        overwrite=body.overwrite,
        state=UploadState.RECEIVING,
        message="",
        created_at=now,
        changed_at=now,
    )


async def _check_target(contents: object, staging: InFolder | InData, row: Upload) -> None:
    if isinstance(staging, InFolder):
        taken = await on_disk(staging.target)
    else:
        taken = isinstance(contents, ObjectFiles) and await contents.has(row.path)
    if taken and not row.overwrite:
        raise is_there(row.path)


async def _promised(session: AsyncSession, row: Upload) -> int:
    """Bytes that other uploads to the same disk have still to bring, as far as that is known."""
    in_data = row.staged == row.id
    same = Upload.staged == Upload.id if in_data else Upload.dataset_id == row.dataset_id
    left = func.sum(Upload.size - Upload.bytes_done)
    query = select(left).where(Upload.state == UploadState.RECEIVING, same)
    return int(await session.scalar(query) or 0)


async def _check_few(session: AsyncSession, caller: Caller) -> None:
    query = select(func.count()).where(Upload.owner == caller.name, Upload.state.in_(UNDER_WAY))
    if int(await session.scalar(query) or 0) >= AT_ONCE:
        raise Conflict(f"{AT_ONCE} of your uploads have not ended.", "Finish or cancel one.")


async def _take(
    control: Control, row: Upload, file: Arriving, chunks: AsyncIterator[bytes]
) -> bool:
    """Write what comes; whether that is all."""
    noted = file.size
    async for chunk in chunks:
        await file.write(chunk)
        if file.size - noted >= NOTED:
            noted = file.size
            await _note(control, row.id, noted, complete=False)
    complete = await file.settle()
    if complete:
        await file.sync()
    return complete


async def _note(control: Control, upload_id: str, size: int, complete: bool) -> UploadView:
    async with control.db.write() as session:
        row = await session.get(Upload, upload_id, with_for_update=True)
        if row is None:
            raise _no_upload(upload_id)
        _check_receiving(row)
        row.bytes_done, row.changed_at = size, control.clock()
        if complete:
            row.state = UploadState.STORING
    if complete:
        control.wake_uploads.set()
    return UploadView.model_validate(row)


async def _give_up(
    control: Control, row: Upload, staging: InFolder | InData, sentence: str
) -> None:
    await on_disk(staging.discard)
    async with control.db.write() as session:
        now = await session.get(Upload, row.id, with_for_update=True)
        if now is not None and now.state == UploadState.RECEIVING:
            end(control, now, UploadState.FAILED, sentence)
            now.staged = ""


def _check_receiving(row: Upload) -> None:
    if row.state != UploadState.RECEIVING:
        refusal = Conflict if row.ended_at is None else _OverError
        raise refusal(f"The upload {row.id} takes no bytes: it is {row.state}.", "Begin a new one.")


async def _view(session: AsyncSession, control: Control, row: Upload) -> UploadView:
    """An upload as its owner sees it. While bytes come, the file itself tells how many have."""
    view = UploadView.model_validate(row)
    if row.state != UploadState.RECEIVING:
        return view
    try:
        staging = staging_of(control.settings, await place_of_upload(session, control, row), row)
        return view.model_copy(update={"bytes_done": await on_disk(staging.size)})
    except DswError:
        return view


async def _own(session: AsyncSession, caller: Caller, upload_id: str, lock: bool = False) -> Upload:
    """The upload, when it is the caller's, and they may still write there and know of its
    dataset."""
    not_from_an_instance(caller)
    row = await session.get(Upload, upload_id, with_for_update=lock or None)
    if row is None or row.owner != caller.name:
        raise _no_upload(upload_id)
    if not (await standing(session, caller, row.workspace_id)).reads(Action.DATASET_WRITE):
        raise _no_upload(upload_id)
    try:
        await seen(session, caller, row.dataset_id)
    except NotFound as error:
        raise _no_upload(upload_id) from error
    return row


def _no_upload(upload_id: str) -> NotFound:
    return NotFound(
        f"There is no upload {upload_id[:40]!r}.", "See GET /datasets/uploads for yours."
    )
