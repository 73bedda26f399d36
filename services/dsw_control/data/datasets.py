"""The catalog of datasets as it is read: who sees which, and who may mount or write one."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import Field
from sqlalchemy import ColumnElement, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.base import Model
from dsw.datasets import CheckView, DataAccess, DatasetView, VersionView
from dsw.errors import DswError, NotFound
from dsw.images import Visibility
from dsw.locations import LocationKind
from dsw.names import id_pattern
from dsw.plan import DATA
from dsw.roles import Action
from dsw.workspaces import ONE_LINE
from dsw_control.access import Standing, standing, standings
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.data.places import Place, located
from dsw_control.store.paging import PageRequest, paged
from dsw_control.store.tables import Dataset, DatasetVersion, Instance
from dsw_control.tenancy import workspaces

_ID = re.compile(id_pattern("ds"))
_ORDER = ((Dataset.name, False), (Dataset.id, False))


class DatasetFilter(Model):
    """Which datasets are listed; what is None does not matter. `name` is a part of the name."""

    workspace: str | None = Field(default=None, max_length=64, description="Id or name.")
    name: str | None = Field(
        default=None, max_length=100, pattern=ONE_LINE, description="A part of the name."
    )
    label: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9][a-z0-9._/-]{0,62}(?:=[^\x00-\x1f\x7f]{0,100})?$",
        description="`key`, or `key=value`.",
    )
    kind: LocationKind | None = None


async def list_datasets(
    control: Control, caller: Caller, wanted: DatasetFilter, request: PageRequest
) -> tuple[list[DatasetView], str | None]:
    """What the caller sees, by name, each with its newest version only. An instance lists those of
    its workspace and the public ones."""
    async with control.db.read() as session:
        query = select(Dataset).where(
            Dataset.retired_at.is_(None), await visible(session, caller), *_fitting(wanted)
        )
        if wanted.workspace is not None:
            only = await workspaces.find(session, caller, wanted.workspace)
            query = query.where(
                or_(Dataset.workspace_id == only.id, Dataset.visibility == Visibility.PUBLIC)
            )
        rows, following = await paged(session, query, _ORDER, request)
        return await _views(session, control, caller, rows), following


async def get_dataset(control: Control, caller: Caller, dataset_id: str) -> DatasetView:
    """One dataset with all its versions, the newest first; also a retired one."""
    async with control.db.read() as session:
        return await view_of(session, control, caller, await seen(session, caller, dataset_id))


async def visible(session: AsyncSession, caller: Caller) -> ColumnElement[bool]:
    """What the caller may know of: what is public, what their workspaces share, what is their own
    there, and everything in workspaces whose datasets they manage."""
    found = await _standings(session, caller)
    here = [key for key, mine in found.items() if mine.reads(Action.DATASET_READ)]
    managed = [key for key, mine in found.items() if mine.reads(Action.DATASET_MANAGE)]
    shown = (Dataset.visibility == Visibility.WORKSPACE) | (Dataset.owner == caller.name)
    public = [Dataset.visibility == Visibility.PUBLIC] if here else []
    return or_(Dataset.workspace_id.in_(here) & shown, Dataset.workspace_id.in_(managed), *public)


async def seen(
    session: AsyncSession, caller: Caller, dataset_id: str, lock: bool = False
) -> Dataset:
    """The dataset, when the caller may know of it; `NotFound` otherwise. `lock` it to change it."""
    query = select(Dataset).where(Dataset.id == dataset_id, await visible(session, caller))
    row = await session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise no_dataset(dataset_id)
    return row


async def usable(
    session: AsyncSession,
    caller: Caller,
    workspace_id: str,
    ref: str,
    version: int | None = None,
) -> tuple[Dataset, DatasetVersion]:
    """The dataset with this id, or with this name in the workspace, and its version (None: the
    newest), when instances of the caller in this workspace may have it; `NotFound` otherwise.

    It is not retired before the transaction ends.
    """
    named = Dataset.id == ref if _ID.fullmatch(ref) else Dataset.name == ref
    here = Dataset.workspace_id == workspace_id
    if _ID.fullmatch(ref):
        here |= Dataset.visibility == Visibility.PUBLIC
    mine = (await _standings(session, caller)).get(workspace_id, Standing())
    row = await session.scalar(
        select(Dataset)
        .where(named, here, Dataset.retired_at.is_(None), await visible(session, caller))
        .with_for_update(read=True)
    )
    if row is None or Action.DATASET_READ not in mine.actions:
        raise no_dataset(ref)
    return row, await version_of(session, row, version)


async def version_of(
    session: AsyncSession, row: Dataset, number: int | None = None
) -> DatasetVersion:
    """A version of the dataset, by default the newest; `NotFound` when it has no such one."""
    found = await session.get(DatasetVersion, (row.id, number or row.version))
    if found is None:
        raise NotFound(
            f"The dataset {row.name!r} has no version {number}.", f"It has 1 to {row.version}."
        )
    return found


async def may_write(session: AsyncSession, caller: Caller, row: Dataset) -> bool:
    """Whether the caller may write into it, as far as the dataset itself says: its access is `rw`,
    and it is theirs or open to one of their roles in its workspace. Whether the place can be
    written at all, its `Place.writable` says."""
    return _may_write(await standing(session, caller, row.workspace_id), caller, row)


def _may_write(mine: Standing, caller: Caller, row: Dataset) -> bool:
    if row.access != DataAccess.RW or Action.DATASET_WRITE not in mine.actions:
        return False
    return row.owner == caller.name or bool(mine.roles & set(row.write_roles))


async def view_of(
    session: AsyncSession, control: Control, caller: Caller, row: Dataset
) -> DatasetView:
    """A dataset with all its versions, as the caller sees it."""
    versions = await session.scalars(
        select(DatasetVersion)
        .where(DatasetVersion.dataset_id == row.id)
        .order_by(DatasetVersion.number.desc())
    )
    mine = await standing(session, caller, row.workspace_id)
    return await _view(session, control, row, list(versions), _may_write(mine, caller, row))


def version_view(row: DatasetVersion) -> VersionView:
    """A version as it is shown."""
    check = CheckView(reachable=row.reachable, message=row.check_message, at=row.checked_at)
    return VersionView(
        number=row.number,
        uri=row.uri,
        description=row.description,
        created_by=row.created_by,
        created_at=row.created_at,
        check=check,
    )


def mount_path(row: Dataset) -> str:
    """Where it is mounted from the start of an instance, unless that says otherwise."""
    return row.mount_path or f"{DATA}/{row.name}"


def no_dataset(ref: str) -> NotFound:
    """The refusal of a dataset that is not, or not for the caller."""
    return NotFound(f"There is no dataset {ref[:80]!r} here.", "See GET /datasets for yours.")


async def _views(
    session: AsyncSession, control: Control, caller: Caller, rows: Sequence[Dataset]
) -> list[DatasetView]:
    keys = [(row.id, row.version) for row in rows]
    newest = await session.scalars(
        select(DatasetVersion).where(
            tuple_(DatasetVersion.dataset_id, DatasetVersion.number).in_(keys)
        )
    )
    by_id = {each.dataset_id: each for each in newest}
    mine = await standings(session, caller)
    return [
        await _view(
            session,
            control,
            row,
            [by_id[row.id]],
            _may_write(mine.get(row.workspace_id, Standing()), caller, row),
        )
        for row in rows
    ]


async def _view(
    session: AsyncSession,
    control: Control,
    row: Dataset,
    versions: Sequence[DatasetVersion],
    may: bool,
) -> DatasetView:
    place = await _place(session, control, row, versions[0])
    return DatasetView(
        id=row.id,
        workspace_id=row.workspace_id,
        name=row.name,
        description=row.description,
        labels=row.labels,
        kind=row.kind,
        uri=versions[0].uri,
        storage_class=row.storage_class,
        credential=row.credential,
        access=DataAccess(row.access),
        write_roles=row.write_roles,
        mount_path=mount_path(row),
        visibility=Visibility(row.visibility),
        owner=row.owner,
        version=row.version,
        versions=[version_view(each) for each in versions],
        writable=may and place is not None and place.writable and row.retired_at is None,
        browsable=place is not None and place.browsable,
        created_at=row.created_at,
        retired_at=row.retired_at,
    )


async def _place(
    session: AsyncSession, control: Control, row: Dataset, version: DatasetVersion
) -> Place | None:
    """None where the operator does not offer its place any more."""
    try:
        return await located(session, control, row, version)
    except DswError:
        return None


async def _standings(session: AsyncSession, caller: Caller) -> dict[str, Standing]:
    """The caller's standing in their workspaces; of an instance, in its own one only."""
    if caller.server is None:
        return await standings(session, caller)
    own = await session.scalar(
        select(Instance.workspace_id).where(
            Instance.owner == caller.name,
            Instance.name == caller.server,
            Instance.deleted_at.is_(None),
        )
    )
    return {} if own is None else await standings(session, caller, own)


def _fitting(wanted: DatasetFilter) -> list[ColumnElement[bool]]:
    clauses: list[ColumnElement[bool]] = []
    if wanted.name is not None:
        clauses.append(Dataset.name.icontains(wanted.name, autoescape=True))
    if wanted.kind is not None:
        clauses.append(Dataset.kind == wanted.kind)
    if wanted.label is not None:
        key, mark, value = wanted.label.partition("=")
        found = Dataset.labels[key].as_string()
        clauses.append(found == value if mark else found.is_not(None))
    return clauses
