"""Files of datasets as people reach them: which they may list, read and delete."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from dsw.datasets import FileEntry, Preview
from dsw.errors import Conflict, Forbidden, Invalid
from dsw.locations import LocationKind, clean_path
from dsw.roles import Action
from dsw_control.access import not_from_an_instance, standing
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.data.contents import Contents, OpenFile
from dsw_control.data.datasets import may_write, seen, version_of
from dsw_control.data.folder_files import FolderFiles
from dsw_control.data.listing import cursor_of, mark_of
from dsw_control.data.object_files import ObjectFiles
from dsw_control.data.places import Place, located, secret_store
from dsw_control.data.previews import preview_of
from dsw_control.records.audit import record
from dsw_control.store.paging import PageRequest
from dsw_control.store.tables import Dataset, DatasetVersion


class Where(NamedTuple):
    """A path in a dataset; version None: the newest."""

    dataset_id: str
    path: str
    version: int | None = None


class Target(NamedTuple):
    """A version of a dataset that may be written, and where it is."""

    dataset: Dataset
    version: DatasetVersion
    place: Place


async def list_files(
    control: Control, caller: Caller, where: Where, page: PageRequest
) -> tuple[list[FileEntry], str | None]:
    """A folder of a dataset, folders first, then by name."""
    contents, version = await _readable(control, caller, where)
    path = clean_path(where.path)
    folder = (where.dataset_id, str(version), path)
    entries, last = await contents.entries(path, mark_of(folder, page.cursor), page.limit)
    return entries, None if last is None else cursor_of(folder, last)


async def preview(control: Control, caller: Caller, where: Where) -> Preview:
    """The beginning of a file."""
    contents, _ = await _readable(control, caller, where)
    path = file_path(where.path)
    file = await contents.open(path)
    try:
        return await preview_of(control.previewing, file, path)
    finally:
        await file.close()


async def open_file(control: Control, caller: Caller, where: Where) -> OpenFile:
    """A file to be downloaded; it must be closed."""
    not_from_an_instance(caller)
    contents, _ = await _readable(control, caller, where)
    path = file_path(where.path)
    return await contents.open(path)


async def delete_file(control: Control, caller: Caller, where: Where) -> None:
    """Delete a file, a link or an empty folder of the newest version."""
    async with control.db.read() as session:
        target = await writable(session, control, caller, where.dataset_id)
        contents = await contents_of(session, control, target.place, target.dataset.name)
    path = file_path(where.path)
    await contents.delete(path)
    async with control.db.write() as session:
        about = (target.dataset.id, target.dataset.workspace_id)
        record(session, control, caller, Action.DATASET_WRITE, about, did="delete file", path=path)


def file_path(path: str) -> str:
    """The clean path of a file; `Invalid` for none, or one that leads elsewhere."""
    path = clean_path(path)
    if not path:
        raise Invalid("Which file is meant?", "Name its path in the dataset, as in images/one.png.")
    return path


async def writable(
    session: AsyncSession, control: Control, caller: Caller, dataset_id: str
) -> Target:
    """The newest version of a dataset whose files the caller may change."""
    not_from_an_instance(caller)
    row = await seen(session, caller, dataset_id)
    mine = await standing(session, caller, row.workspace_id)
    if mine.roles:
        mine.check(Action.DATASET_WRITE)
    _check_in_use(row)
    if not await may_write(session, caller, row):
        raise Forbidden(
            f"You may not change the files of the dataset {row.name!r}.",
            "Its access must be rw, and it must be yours or open to one of your roles.",
        ).about(row.workspace_id, row.id)
    version = await version_of(session, row)
    place = await located(session, control, row, version)
    if not place.writable:
        raise Conflict(
            f"The storage of the dataset {row.name!r} is read-only here.",
            "The operator can make its storage class writable.",
        )
    return Target(row, version, place)


async def contents_of(
    session: AsyncSession, control: Control, place: Place, name: str
) -> FolderFiles | ObjectFiles:
    """The files of a place; `Conflict` where control cannot reach them. `name` is the dataset's."""
    if place.host_folder is not None:
        return FolderFiles(place)
    if place.store is not None:
        return ObjectFiles(await secret_store(session, control, place))
    why = {
        LocationKind.GIT: f"The dataset {name!r} is a git repository.",
        LocationKind.PVC: f"The dataset {name!r} is in a claim of a Kubernetes cluster.",
    }.get(place.kind, f"The dataset {name!r} is on an NFS server that this host has not mounted.")
    raise Conflict(f"{why} Its files cannot be reached here.", "Mount it in an instance.")


async def _readable(control: Control, caller: Caller, where: Where) -> tuple[Contents, int]:
    async with control.db.read() as session:
        row = await seen(session, caller, where.dataset_id)
        _check_in_use(row)
        version = await version_of(session, row, where.version)
        place = await located(session, control, row, version)
        return await contents_of(session, control, place, row.name), version.number


def _check_in_use(row: Dataset) -> None:
    if row.retired_at is not None:
        raise Conflict(f"The dataset {row.name!r} is retired.", "Its data is where it was.")
