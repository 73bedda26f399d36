"""What a new dataset or version would be, checked as a whole before anything is written."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from dsw.code_sources import repository_host
from dsw.datasets import DataAccess, DatasetCreate, VersionCreate
from dsw.errors import Invalid
from dsw.images import CredentialKind
from dsw.locations import OBJECT_STORES, Location, LocationKind, parse_location
from dsw.mounts import check_target
from dsw.plan import DATA
from dsw.roles import Action, Role
from dsw_control.access import custom_actions, standing
from dsw_control.assets.credentials import fitting
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.data.places import Place, is_shared, place_of
from dsw_control.store.tables import Credential, Dataset, DatasetVersion, Workspace
from dsw_control.tenancy import workspaces

_WITH_CREDENTIAL = OBJECT_STORES | {LocationKind.GIT}


async def new_rows(
    session: AsyncSession, control: Control, caller: Caller, body: DatasetCreate, dataset_id: str
) -> tuple[Dataset, DatasetVersion]:
    """The dataset and its first version, checked and not yet in the session."""
    workspace = await workspaces.find(session, caller, body.workspace)
    await check_roles(session, workspace.id, body.write_roles)
    location = _location(body)
    row = Dataset(
        id=dataset_id,
        workspace_id=workspace.id,
        name=body.name,
        description=body.description,
        labels=body.labels,
        kind=LocationKind.FILE if location is None else location.kind,
        storage_class=body.storage_class or "",
        credential=body.credential,
        managed=location is None,
        access=body.access,
        write_roles=list(dict.fromkeys(body.write_roles)),
        mount_path=check_target(body.mount_path) if body.mount_path else "",
        visibility=body.visibility,
        owner=caller.name,
        version=1,
        created_at=control.clock(),
    )
    check_target(f"{DATA}/{row.name}")
    version = _version(control, caller, row, 1, body.uri or "", body.description)
    place = await _place(session, control, workspace, row, version)
    row.storage_class = place.storage_class
    check_access(place, body.access)
    return row, version


def _location(body: DatasetCreate) -> Location | None:
    """Where the body says that it is; None: in a folder that is made. `Invalid` where a storage
    class or a credential has no meaning."""
    location = None if body.uri is None else parse_location(body.uri)
    if body.credential and (location is None or location.kind not in _WITH_CREDENTIAL):
        raise Invalid(
            "A dataset of this kind names no credential.",
            "Object stores and repositories may; leave it out.",
        )
    plain = location is None or location.kind is LocationKind.GIT or is_shared(location)
    if body.storage_class and plain:
        raise Invalid("A dataset of this kind is in no storage class.", "Leave it out.")
    return location


async def _place(
    session: AsyncSession,
    control: Control,
    workspace: Workspace,
    row: Dataset,
    version: DatasetVersion,
) -> Place:
    """Where the version is, when the workspace may have it there and the credential fits; from here
    to the commit nobody deletes that."""
    host = ""
    if row.credential:
        host = await _credential_host(session, row.workspace_id, row.credential, version.uri)
    return place_of(control, workspace, row, version, host)


async def _credential_host(
    session: AsyncSession, workspace_id: str, credential_id: str, uri: str
) -> str:
    location = parse_location(uri)
    if location.kind is LocationKind.GIT:
        kind, host = CredentialKind.GIT, repository_host(location.url)
    else:
        # Which storage class its host is of is seen when that is chosen.
        known = await session.get(Credential, credential_id)
        kind, host = CredentialKind.OBJECT_STORE, "" if known is None else known.host
    return (await fitting(session, workspace_id, credential_id, kind, host)).host


async def next_version(
    session: AsyncSession, control: Control, caller: Caller, row: Dataset, body: VersionCreate
) -> DatasetVersion:
    """The version after the newest, checked and not yet in the session."""
    if row.managed != (body.uri is None):
        raise Invalid(
            "The versions of this dataset are folders that the workbench makes."
            if row.managed
            else "A new version of this dataset needs its URI.",
            "Leave the URI out." if row.managed else "It may be the one that it has.",
        )
    if row.credential:
        # It may open more than what somebody had agreed to.
        mine = await standing(session, caller, row.workspace_id)
        mine.check(Action.CREDENTIAL_MANAGE)
    version = _version(control, caller, row, row.version + 1, body.uri or "", body.description)
    if body.uri is not None and parse_location(body.uri).kind != row.kind:
        raise Invalid(
            f"All versions of a dataset are of one kind; those of {row.name!r} are {row.kind}://.",
            "Register another dataset.",
        )
    workspace = await session.get_one(Workspace, row.workspace_id)
    place = await _place(session, control, workspace, row, version)
    check_access(place, DataAccess(row.access))
    return version


def _version(
    control: Control, caller: Caller, row: Dataset, number: int, uri: str, description: str
) -> DatasetVersion:
    return DatasetVersion(
        dataset_id=row.id,
        number=number,
        uri=uri,
        description=description,
        created_by=caller.name,
        created_at=control.clock(),
        check_message="",
    )


async def check_roles(session: AsyncSession, workspace_id: str, names: list[str]) -> None:
    own = await custom_actions(session, {workspace_id: frozenset(names)})
    known = {role.value for role in Role} | set(own.get(workspace_id, ()))
    unknown = [name for name in names if name not in known]
    if unknown:
        raise Invalid(
            f"The workspace has no role {unknown[0]!r}.", f"Choose among: {', '.join(known)}."
        )


def check_access(place: Place, access: DataAccess) -> None:
    if access is not DataAccess.RW or place.writable:
        return
    where = f"The storage class {place.storage_class!r}" if place.storage_class else "A repository"
    raise Invalid(f"{where} cannot be written.", "Register the dataset with access ro.")
