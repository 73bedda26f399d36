"""Which refused requests belong into the audit log, and what they were about."""

from __future__ import annotations

from typing import NamedTuple

from fastapi import Request
from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.errors import DswError, Forbidden, NotFound
from dsw.roles import Action
from dsw_control.access import standing, visible_instance
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.data.datasets import visible
from dsw_control.records import denials
from dsw_control.records.attempts import Attempt
from dsw_control.records.audit import OBJECT_MAX
from dsw_control.store.tables import (
    CodeSource,
    Credential,
    Dataset,
    Image,
    ImageTransfer,
    Instance,
    Mount,
    Share,
    Snapshot,
    SshKey,
    Upload,
    Warming,
    Workspace,
)

_TABLES = {
    "instance_id": Instance,
    "image_id": Image,
    "snapshot_id": Snapshot,
    "credential_id": Credential,
    "code_source_id": CodeSource,
    "dataset_id": Dataset,
    "share_id": Share,
    "key_id": SshKey,
    "transfer_id": ImageTransfer,
    "upload_id": Upload,
    "mount_id": Mount,
    "warming_id": Warming,
}


class _Target(NamedTuple):
    """An object that exists: its workspace, who owns it, and the instance that it is or is of, or
    the dataset that it is."""

    workspace_id: str | None
    owner: str | None = None
    instance_id: str | None = None
    dataset_id: str | None = None


async def note_refusal(request: Request, error: DswError) -> None:
    """Every 403 of a known caller is a denial. A 404 is one when the object is there and the
    caller may not know it; what does not exist is nobody's to refuse."""
    caller: Caller | None = getattr(request.state, "caller", None)
    action = getattr(request.state, "action", None)
    if caller is None or action is None or not isinstance(error, (Forbidden, NotFound)):
        return
    control: Control = request.app.state.control
    async with control.db.read() as session:
        target = await _target(session, request)
        hidden = error.workspace_id is not None or await _is_hidden(session, caller, target)
    if isinstance(error, NotFound) and not hidden:
        return
    named = error.object_id or "/".join(str(value) for value in request.path_params.values())
    attempt = Attempt(
        caller=caller,
        action=action,
        object_id=named.replace("\0", "")[:OBJECT_MAX],
        workspace_id=error.workspace_id or (target.workspace_id if target else None),
        code=error.code,
        route=f"{request.method} {_route(request, control)}",
        request_id=getattr(request.state, "request_id", ""),
    )
    await denials.note(control, attempt)


def _route(request: Request, control: Control) -> str:
    """The path as the API's document has it: no values, so nothing that somebody typed."""
    path: str = getattr(request.scope.get("route"), "path", "")
    return path.removeprefix(f"{control.settings.service_prefix}api")


async def _is_hidden(session: AsyncSession, caller: Caller, target: _Target | None) -> bool:
    """Whether the object exists, and it is the caller's rights that keep it from them."""
    if target is None or caller.admin:
        return False
    if target.instance_id is not None:
        try:
            await visible_instance(session, caller, target.instance_id, Action.INSTANCE_READ_ALL)
        except DswError:
            return True
        return False
    if target.dataset_id is not None:
        known = Dataset.id == target.dataset_id, await visible(session, caller)
        return await session.scalar(select(Dataset.id).where(*known)) is None
    if target.owner is not None:
        return target.owner != caller.name or caller.server is not None
    return not (await standing(session, caller, target.workspace_id or "")).roles


async def _target(session: AsyncSession, request: Request) -> _Target | None:
    """What the request is about, by the last id in its path or by the workspace that it names."""
    for name, value in reversed(request.path_params.items()):
        if name in _TABLES:
            return await _object(session, name, str(value).replace("\0", ""))
    key = request.path_params.get("workspace") or request.query_params.get("workspace", "")
    by_key = or_(Workspace.id == key, Workspace.name == key)
    found = await session.scalar(select(Workspace.id).where(by_key)) if "\0" not in key else None
    return None if found is None else _Target(found)


async def _object(session: AsyncSession, name: str, object_id: str) -> _Target | None:
    row = await session.get(_TABLES[name], object_id)
    if isinstance(row, (Share, Mount)):
        row = await session.get(Instance, row.instance_id)
    if isinstance(row, Instance) and row.deleted_at is None:
        return _Target(row.workspace_id, row.owner, row.id)
    if isinstance(row, Image) and row.retired_at is not None:
        return None
    if isinstance(row, (Image, ImageTransfer, Snapshot, Credential, CodeSource, Upload)):
        return _Target(row.workspace_id, row.owner)
    if isinstance(row, Warming):
        row = await session.get(Dataset, row.dataset_id)
    if isinstance(row, Dataset):
        return _Target(row.workspace_id, row.owner, dataset_id=row.id)
    if isinstance(row, SshKey):
        return _Target(None, row.username)
    return None
