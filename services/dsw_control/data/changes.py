"""Datasets that people register and change, and who may."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.datasets import DataAccess, DatasetChange, DatasetCreate, DatasetView, VersionCreate
from dsw.errors import Conflict, Forbidden
from dsw.images import Visibility
from dsw.mounts import check_target
from dsw.names import new_id
from dsw.roles import Action
from dsw_control.access import (
    not_from_an_instance,
    require,
    require_platform,
    standing,
)
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.data import drafts
from dsw_control.data.datasets import no_dataset, seen, version_of, view_of
from dsw_control.data.places import located, managed_folder
from dsw_control.data.usage import users_of
from dsw_control.etags import check_match
from dsw_control.records import audit
from dsw_control.records.idempotency import Once, earlier, remember
from dsw_control.store.tables import Dataset, DatasetVersion, Workspace
from dsw_control.tenancy import workspaces


async def create_dataset(
    control: Control, caller: Caller, body: DatasetCreate, once: Once | None = None
) -> DatasetView:
    """Register where data is; without a URI its folder is made first, on the workspace's storage.

    Only who manages credentials may name one: it opens more than this place.
    """
    not_from_an_instance(caller)
    dataset_id = new_id("ds")
    async with control.db.read() as session:
        workspace = await _may_add(session, caller, body)
        made = await earlier(session, once)
        if made is None:
            await _check_free(session, workspace.id, body.name)
            row, version = await drafts.new_rows(session, control, caller, body, dataset_id)
    if made is None:
        await _make_folder(control, row, version)
    async with control.db.write() as session:
        workspace = await _may_add(session, caller, body)
        if made := await earlier(session, once):
            return await view_of(session, control, caller, await seen(session, caller, made))
        # One after the other, so that two at once do not choose the same name.
        await session.refresh(workspace, with_for_update=True)
        await _check_free(session, workspace.id, body.name)
        row, version = await drafts.new_rows(session, control, caller, body, dataset_id)
        session.add_all([row, version])
        await session.flush()
        remember(session, control, once, row.id)
        audit.record(
            session,
            control,
            caller,
            Action.DATASET_ADD,
            (row.id, row.workspace_id),
            created=row.name,
            uri=version.uri,
            storage_class=row.storage_class,
            credential=row.credential,
            visibility=row.visibility,
        )
        return await view_of(session, control, caller, row)


async def change_dataset(
    control: Control,
    caller: Caller,
    dataset_id: str,
    body: DatasetChange,
    if_match: str | None = None,
) -> DatasetView:
    """Change what people read of a dataset, who sees it, and who may write it."""
    not_from_an_instance(caller)
    async with control.db.write() as session:
        if body.name is not None:
            # Whoever locks both locks the workspace first.
            known = await seen(session, caller, dataset_id)
            await session.get(Workspace, known.workspace_id, with_for_update=True)
        row, action = await theirs(session, caller, dataset_id, lock=True)
        if body.visibility is Visibility.PUBLIC:
            require_platform(caller, Action.DATASET_PUBLISH)
        check_match(if_match, await view_of(session, control, caller, row))
        changes = body.model_dump(mode="json", exclude_none=True)
        if body.mount_path:
            changes["mount_path"] = check_target(body.mount_path)
        if body.name is not None and body.name != row.name:
            await _check_free(session, row.workspace_id, body.name)
        if body.write_roles is not None:
            await drafts.check_roles(session, row.workspace_id, body.write_roles)
        if body.access is DataAccess.RW and row.access != DataAccess.RW:
            newest = await version_of(session, row)
            drafts.check_access(await located(session, control, row, newest), body.access)
        for field, value in changes.items():
            setattr(row, field, value)
        await session.flush()
        audit.record(session, control, caller, action, (row.id, row.workspace_id), **changes)
        return await view_of(session, control, caller, row)


async def add_version(
    control: Control,
    caller: Caller,
    dataset_id: str,
    body: VersionCreate,
    once: Once | None = None,
) -> DatasetView:
    """Other data under the same name, of the same kind and in the same storage class."""
    not_from_an_instance(caller)
    async with control.db.read() as session:
        row, _ = await theirs(session, caller, dataset_id)
        made = await earlier(session, once)
        if made is None:
            version = await drafts.next_version(session, control, caller, row, body)
    if made is None:
        await _make_folder(control, row, version)
    async with control.db.write() as session:
        row, action = await theirs(session, caller, dataset_id, lock=True)
        if await earlier(session, once) is None:
            version = await drafts.next_version(session, control, caller, row, body)
            row.version = version.number
            session.add(version)
            await session.flush()
            remember(session, control, once, row.id)
            detail = {"version": version.number, "uri": version.uri}
            audit.record(session, control, caller, action, (row.id, row.workspace_id), **detail)
        return await view_of(session, control, caller, row)


async def retire_dataset(
    control: Control, caller: Caller, dataset_id: str, if_match: str | None = None
) -> None:
    """Take it out of the catalog, unless an instance has it; what is in it stays where it is."""
    not_from_an_instance(caller)
    async with control.db.write() as session:
        row, action = await theirs(session, caller, dataset_id, lock=True)
        check_match(if_match, await view_of(session, control, caller, row))
        names, others = await users_of(session, caller, row)
        if names or others:
            shown = [*names[:5], *([f"{others} of others"] if others else [])]
            raise Conflict(
                f"The dataset {row.name!r} is in use by instances: {', '.join(shown)}.",
                "Take it out of them first.",
            )
        row.retired_at = control.clock()
        target = (row.id, row.workspace_id)
        audit.record(session, control, caller, action, target, retired=row.name)


async def theirs(
    session: AsyncSession, caller: Caller, dataset_id: str, lock: bool = False
) -> tuple[Dataset, Action]:
    """The dataset, when the caller may change it, and by which right: their own, or as who manages
    those of the workspace. What everybody sees only platform administrators change."""
    row = await seen(session, caller, dataset_id, lock=lock)
    if row.retired_at is not None:
        raise no_dataset(dataset_id)
    if not (await standing(session, caller, row.workspace_id)).roles:
        raise Forbidden(
            f"The dataset {row.name!r} belongs to a workspace that you are not in.",
            "Ask its owner.",
        ).about(row.workspace_id)
    action = Action.DATASET_ADD if row.owner == caller.name else Action.DATASET_MANAGE
    await require(session, caller, row.workspace_id, action)
    if row.visibility == Visibility.PUBLIC:
        require_platform(caller, Action.DATASET_PUBLISH)
    return row, action


async def _may_add(session: AsyncSession, caller: Caller, body: DatasetCreate) -> Workspace:
    workspace = await workspaces.find(session, caller, body.workspace)
    mine = await require(session, caller, workspace.id, Action.DATASET_ADD)
    if body.visibility is Visibility.PUBLIC:
        require_platform(caller, Action.DATASET_PUBLISH)
    if body.credential is not None:
        mine.check(Action.CREDENTIAL_MANAGE)
    return workspace


async def _make_folder(control: Control, row: Dataset, version: DatasetVersion) -> None:
    """One that is there already, of a request that came to nothing, is used."""
    if row.managed:
        await control.engine.make_folders([managed_folder(row, version.number)])


async def _check_free(session: AsyncSession, workspace_id: str, name: str) -> None:
    taken = await session.scalar(
        select(Dataset.id).where(
            Dataset.workspace_id == workspace_id,
            Dataset.name == name,
            Dataset.retired_at.is_(None),
        )
    )
    if taken is not None:
        raise Conflict(f"This workspace has a dataset named {name!r}.", "Choose another name.")
