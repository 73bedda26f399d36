"""A workspace's own registry: who sets it, and what is looked at before."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.errors import Conflict, Forbidden, Invalid
from dsw.images import CredentialKind, ImageSource
from dsw.plan import RegistryLogin
from dsw.references import host_name
from dsw.roles import Action
from dsw.snapshots import ENDED
from dsw.transfers import TransferKind, TransferState
from dsw.workspaces import RegistryPut, WorkspaceView
from dsw_control.access import not_from_an_instance
from dsw_control.assets import registry
from dsw_control.assets.credentials import fitting, login_of
from dsw_control.assets.image_changes import needs_images
from dsw_control.assets.registry_writes import check_push
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.etags import check_match
from dsw_control.records.audit import record
from dsw_control.store.tables import Image, ImageTransfer, Snapshot
from dsw_control.tenancy.workspaces import locked, view_of


async def put_registry(
    control: Control, caller: Caller, key: str, body: RegistryPut, if_match: str | None = None
) -> WorkspaceView:
    """Have the workspace's images put there, once an upload could be begun there. Images that are
    there already get the credential that is named now."""
    not_from_an_instance(caller)
    needs_images(control)
    async with control.db.write() as session:
        row = await locked(session, caller, key, Action.CREDENTIAL_MANAGE)
        await _check_idle(session, row.id)
        _check_address(control, caller, row.id, body)
        login = await _login(session, control, row.id, body)
    host = host_name(body.address)
    async with registry.opened(control.settings, host, login, body.insecure) as there:
        await check_push(there, host, body.repository)
    async with control.db.write() as session:
        row = await locked(session, caller, key, Action.CREDENTIAL_MANAGE)
        check_match(if_match, await view_of(session, caller, row))
        await _check_idle(session, row.id)
        await _login(session, control, row.id, body)
        row.image_registry = body.model_dump(mode="json")
        await _renew_credential(session, row.id, body)
        told = {"address": body.address, "repository": body.repository}
        target = (row.id, row.id)
        record(session, control, caller, Action.CREDENTIAL_MANAGE, target, registry=told)
        await session.flush()
        return await view_of(session, caller, row)


async def delete_registry(
    control: Control, caller: Caller, key: str, if_match: str | None = None
) -> WorkspaceView:
    """Have the workspace's images put where the installation's are. What is in the registry stays
    there, and in the catalog."""
    not_from_an_instance(caller)
    async with control.db.write() as session:
        row = await locked(session, caller, key, Action.CREDENTIAL_MANAGE)
        check_match(if_match, await view_of(session, caller, row))
        if row.image_registry is not None:
            await _check_idle(session, row.id)
            row.image_registry = None
            target = (row.id, row.id)
            record(session, control, caller, Action.CREDENTIAL_MANAGE, target, registry=None)
            await session.flush()
        return await view_of(session, caller, row)


def _check_address(control: Control, caller: Caller, workspace_id: str, body: RegistryPut) -> None:
    if host_name(body.address) == host_name(control.settings.registry.address):
        raise Invalid(
            f"{body.address} is the workbench's own registry.",
            "Images are put there by themselves; name another registry, or none.",
        )
    if body.insecure and not caller.admin:
        raise Forbidden(
            "Only platform administrators may name a registry on this machine.",
            "Name one that is reached over https.",
        ).about(workspace_id)


async def _login(
    session: AsyncSession, control: Control, workspace_id: str, body: RegistryPut
) -> RegistryLogin | None:
    if body.credential is None:
        return None
    row = await fitting(
        session, workspace_id, body.credential, CredentialKind.REGISTRY, body.address
    )
    return login_of(control, row)


async def _check_idle(session: AsyncSession, workspace_id: str) -> None:
    """Whatever is on its way to the old place could not be told from what goes to the new one."""
    saving = select(Snapshot.name).where(
        Snapshot.workspace_id == workspace_id, Snapshot.state.not_in([one.value for one in ENDED])
    )
    coming = select(ImageTransfer.name).where(
        ImageTransfer.workspace_id == workspace_id,
        ImageTransfer.kind == TransferKind.IMPORT,
        ImageTransfer.state == TransferState.WORKING,
    )
    for query in (saving, coming):
        if (name := await session.scalar(query.limit(1))) is not None:
            raise Conflict(
                f"{name!r} is on its way to the workspace's registry.",
                "Wait until it is there, or cancel it; then change the registry.",
            )


async def _renew_credential(session: AsyncSession, workspace_id: str, body: RegistryPut) -> None:
    """So that a credential that was replaced may be deleted."""
    place = f"{body.address}/{body.repository}@"
    query = select(Image).where(
        Image.workspace_id == workspace_id,
        Image.digest.startswith(place, autoescape=True),
        (Image.source == ImageSource.SNAPSHOT) | Image.imported,
    )
    for image in await session.scalars(query):
        image.credential = body.credential
