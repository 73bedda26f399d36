"""Stored credentials: who may keep one, where it may be sent, and when it may go."""

from __future__ import annotations

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from dsw.errors import Conflict, Invalid, NotFound
from dsw.images import CredentialCreate, CredentialKind, CredentialView, ImageSource
from dsw.names import new_id
from dsw.plan import RegistryLogin
from dsw.references import host_name
from dsw.roles import Action
from dsw_control.access import not_from_an_instance, require, standings
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.records import audit
from dsw_control.records.idempotency import Once, earlier, remember
from dsw_control.store.paging import PageRequest, paged
from dsw_control.store.tables import CodeSource, Credential, Dataset, Image, Instance, Workspace
from dsw_control.tenancy import workspaces

_ORDER = ((Credential.created_at, True), (Credential.id, False))


async def list_credentials(
    control: Control, caller: Caller, workspace: str | None, request: PageRequest
) -> tuple[list[CredentialView], str | None]:
    """The credentials that the caller may name when adding an image, newest first."""
    not_from_an_instance(caller)
    async with control.db.read() as session:
        if workspace is None:
            found = await standings(session, caller)
            ids = [key for key, mine in found.items() if Action.IMAGE_ADD in mine.actions]
        else:
            row = await workspaces.find(session, caller, workspace)
            await require(session, caller, row.id, Action.IMAGE_ADD)
            ids = [row.id]
        query = select(Credential).where(Credential.workspace_id.in_(ids))
        rows, following = await paged(session, query, _ORDER, request)
    return [CredentialView.model_validate(row) for row in rows], following


async def create_credential(
    control: Control, caller: Caller, body: CredentialCreate, once: Once | None = None
) -> CredentialView:
    """Keep a user name and a secret for one host; the answer is without the secret."""
    not_from_an_instance(caller)
    if once is not None:
        # The plain hash of the request would let whoever reads the database try secrets.
        once = once.model_copy(update={"request": control.vault.blind(once.request)})
    async with control.db.write() as session:
        workspace = await workspaces.find(session, caller, body.workspace)
        await require(session, caller, workspace.id, Action.CREDENTIAL_MANAGE)
        if made := await earlier(session, once):
            return CredentialView.model_validate(await _known(session, caller, made))
        row = Credential(
            id=new_id("cred"),
            workspace_id=workspace.id,
            name=body.name,
            kind=body.kind,
            host=host_name(body.host),
            username=body.username,
            secret=control.vault.seal(body.secret),
            owner=caller.name,
            created_at=control.clock(),
        )
        session.add(row)
        remember(session, control, once, row.id)
        target = (row.id, row.workspace_id)
        audit.record(
            session,
            control,
            caller,
            Action.CREDENTIAL_MANAGE,
            target,
            created=row.name,
            kind=row.kind,
            host=row.host,
        )
    return CredentialView.model_validate(row)


async def delete_credential(control: Control, caller: Caller, credential_id: str) -> None:
    """Forget it, unless an image, a code source or a dataset needs it."""
    not_from_an_instance(caller)
    async with control.db.write() as session:
        row = await _known(session, caller, credential_id)
        await require(session, caller, row.workspace_id, Action.CREDENTIAL_MANAGE)
        if user := await _user_of(session, row):
            raise Conflict(
                f"The credential {row.name!r} is used by {user}.", "Delete that, then this."
            )
        await session.delete(row)
        target = (row.id, row.workspace_id)
        audit.record(session, control, caller, Action.CREDENTIAL_MANAGE, target, deleted=row.name)


async def fitting(
    session: AsyncSession, workspace_id: str, credential_id: str, kind: CredentialKind, host: str
) -> Credential:
    """The credential of this workspace with this id, when it is for this host; never another.

    The row is locked until the transaction ends, so that nobody deletes it meanwhile.
    """
    row = await session.scalar(
        select(Credential)
        .where(Credential.id == credential_id, Credential.workspace_id == workspace_id)
        .with_for_update(read=True)
    )
    if row is None:
        raise _no_credential(credential_id)
    if row.kind != kind or row.host != host_name(host):
        raise Invalid(
            f"The credential {row.name!r} is for {row.host} ({row.kind}), not for {host} ({kind}).",
            "Name one for that host, or store one first.",
        )
    return row


def login_of(control: Control, row: Credential) -> RegistryLogin:
    """User name and secret in the clear, for the credential's own host."""
    return RegistryLogin(username=row.username, secret=control.vault.open(row.secret))


async def secret_of(
    session: AsyncSession, control: Control, credential_id: str, host: str
) -> tuple[str, str]:
    """User name and secret in the clear, to be sent to this host; `Conflict` when it is not the
    credential's own, or the credential is gone."""
    row = await session.get(Credential, credential_id)
    if row is None or row.host != host_name(host):
        raise Conflict(f"The credential for {host} is gone.", "Ask an admin of the workspace.")
    login = login_of(control, row)
    return login.username, login.secret


async def renew(control: Control) -> None:
    """Encrypt by the first key what an older one had encrypted, at the start of control."""
    async with control.db.write() as session:
        for row in await session.scalars(select(Credential)):
            if sealed := control.vault.renewed(row.secret):
                row.secret = sealed


async def _known(session: AsyncSession, caller: Caller, credential_id: str) -> Credential:
    """The credential, when the caller is in its workspace; `NotFound` otherwise."""
    row = await session.scalar(
        select(Credential).where(Credential.id == credential_id).with_for_update()
    )
    if row is None or row.workspace_id not in await standings(session, caller):
        raise _no_credential(credential_id)
    return row


async def _user_of(session: AsyncSession, row: Credential) -> str:
    """What needs the credential, in words; empty when nothing does."""
    workspace = await session.get_one(Workspace, row.workspace_id)
    if (workspace.image_registry or {}).get("credential") == row.id:
        return "the workspace's registry"
    used = select(Instance.image_id).where(Instance.deleted_at.is_(None))
    going = Image.discard & ((Image.source == ImageSource.SNAPSHOT) | Image.imported)
    image = await session.scalar(
        select(Image).where(
            Image.credential == row.id,
            or_(Image.retired_at.is_(None), going, Image.id.in_(used)),
        )
    )
    if image is not None:
        return f"the image {image.name!r}"
    code = await session.scalar(select(CodeSource).where(CodeSource.credential == row.id))
    if code is not None:
        return f"the code source {code.name!r}"
    dataset = await session.scalar(
        select(Dataset).where(Dataset.credential == row.id, Dataset.retired_at.is_(None))
    )
    return "" if dataset is None else f"the dataset {dataset.name!r}"


def _no_credential(credential_id: str) -> NotFound:
    return NotFound(
        f"There is no credential {credential_id[:40]!r}.", "See GET /credentials for yours."
    )
