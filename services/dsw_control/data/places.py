"""Where the data of a dataset's version really is, and what opens it.

It is found anew at each use: a storage class that the operator changed or took away counts at once.
"""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from dsw.base import Model
from dsw.beneath import open_beneath, open_folder
from dsw.code_sources import repository_host
from dsw.errors import ConfigError, Conflict
from dsw.locations import (
    OBJECT_STORES,
    Location,
    LocationKind,
    clean_path,
    is_below,
    parse_location,
)
from dsw.node_mounts import FolderRoot, ObjectStore, Repository
from dsw.plan import SHARED
from dsw.secret_files import SecretFiles
from dsw.settings import StorageClass
from dsw_control.assets.credentials import secret_of
from dsw_control.context import Control
from dsw_control.data import classes
from dsw_control.store.tables import Credential, Dataset, DatasetVersion, Workspace


class Place(Model):
    """Where a version is. A folder is `path` below `root`, which no link may lead out of; where
    control can open it itself, `host_folder` is that root on this host. An object store or a
    repository is without its secret.
    """

    kind: LocationKind
    managed: bool = False
    storage_class: str = ""
    credential: str | None = None
    writable: bool = False
    root: FolderRoot | None = None
    path: str = ""
    host_folder: Path | None = None
    store: ObjectStore | None = None
    repository: Repository | None = None
    claim: str = ""

    @property
    def browsable(self) -> bool:
        """Whether control can list its files."""
        return self.host_folder is not None or self.store is not None


async def located(
    session: AsyncSession, control: Control, dataset: Dataset, version: DatasetVersion
) -> Place:
    """`place_of`, by what the database knows of the dataset; `DswError` where it can be used no
    more."""
    workspace = await session.get(Workspace, dataset.workspace_id)
    if workspace is None:
        raise Conflict("The workspace of this dataset was deleted.")
    host = ""
    if dataset.credential and dataset.kind in OBJECT_STORES:
        row = await session.get(Credential, dataset.credential)
        host = "" if row is None else row.host
    return place_of(control, workspace, dataset, version, host)


def place_of(
    control: Control,
    workspace: Workspace,
    dataset: Dataset,
    version: DatasetVersion,
    credential_host: str = "",
) -> Place:
    """Where the version is. `workspace` is the dataset's; `credential_host` where its credential
    for an object store may be sent. `Invalid` when the operator does not offer that place."""
    if dataset.managed:
        folder = managed_folder(dataset, version.number)
        return _on_nas(control, folder).model_copy(update={"managed": True})
    location = parse_location(version.uri)
    if location.kind is LocationKind.GIT:
        return Place(
            kind=location.kind,
            credential=dataset.credential,
            repository=Repository(url=location.url, ref=location.ref),
        )
    if is_shared(location):
        place = _on_nas(control, f"{workspace.id}/shared")
        return place.model_copy(update={"path": _below(location, SHARED)})
    found = classes.class_of(control, workspace, location, dataset.storage_class, credential_host)
    place = Place(kind=location.kind, storage_class=found.name, writable=found.writable)
    parts = _PARTS[location.kind](found, location)
    return place.model_copy(update={"credential": dataset.credential, **parts})


def managed_folder(dataset: Dataset, number: int) -> str:
    """The folder of a version that control keeps, below the NAS root."""
    return f"{dataset.workspace_id}/datasets/{dataset.id}/v{number}"


def is_shared(location: Location) -> bool:
    """Whether it is in the workspace's shared folder, as instances see it."""
    return location.kind is LocationKind.FILE and is_below(f"/{location.path}", SHARED)


def open_place(place: Place) -> int:
    """A descriptor (O_PATH) of the dataset's folder on this host, for `open_beneath`: what a link
    in it points at outside of it is not the dataset's. `OSError`; blocks."""
    root = open_folder(str(place.host_folder))
    try:
        return open_beneath(root, place.path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    finally:
        os.close(root)


async def secret_store(session: AsyncSession, control: Control, place: Place) -> ObjectStore:
    """The place's bucket with the key that opens it, for the mounting side only."""
    if place.store is None:
        raise Conflict("This dataset is not in an object store.")
    if place.credential is None:
        secret = _class_secret(control, place.storage_class)
        return place.store.model_copy(update={"secret": secret})
    host = classes.endpoint_host(_named(control, place.storage_class))
    username, secret = await secret_of(session, control, place.credential, host)
    return place.store.model_copy(update={"access_key_id": username, "secret": secret})


async def secret_repository(session: AsyncSession, control: Control, place: Place) -> Repository:
    """The place's repository with what its host asks for, if anything."""
    if place.repository is None:
        raise Conflict("This dataset is not a repository.")
    if place.credential is None:
        return place.repository
    host = repository_host(place.repository.url)
    username, secret = await secret_of(session, control, place.credential, host)
    return place.repository.model_copy(update={"username": username, "secret": secret})


def _class_secret(control: Control, name: str) -> str:
    try:
        return SecretFiles(control.settings.data).read(f"storage-{name}")
    except ConfigError as error:
        raise Conflict(
            f"The key of the storage class {name!r} cannot be read.",
            f"The operator keeps its secret in the file secrets/storage-{name}, with mode 600.",
        ) from error


def _named(control: Control, name: str) -> StorageClass:
    for each in control.settings.storage_classes:
        if each.name == name:
            return each
    raise Conflict(f"The storage class {name!r} is gone.", "Ask an administrator.")


def _on_nas(control: Control, folder: str) -> Place:
    """A folder of the workbench's own storage, which is its own root."""
    settings = control.settings
    kind, source, options = control.engine.mount_source(folder)
    root = FolderRoot(path=source) if kind == "bind" else FolderRoot(volume=options)
    here = Path(settings.nas_root) / folder if settings.storage.kind == "host" else None
    return Place(kind=LocationKind.FILE, writable=True, root=root, host_folder=here)


def _host_parts(found: StorageClass, location: Location) -> dict[str, object]:
    return {
        "root": FolderRoot(path=found.root),
        "path": _below(location, found.root),
        "host_folder": Path(found.root),
    }


def _nfs_parts(found: StorageClass, location: Location) -> dict[str, object]:
    options = {
        "type": "nfs",
        "o": f"addr={found.server},{found.options}",
        "device": f":{found.export}",
    }
    return {
        "root": FolderRoot(volume=options),
        "path": _below(location, found.export),
        "host_folder": Path(found.mounted_at) if found.mounted_at else None,
    }


def _store_parts(found: StorageClass, location: Location) -> dict[str, object]:
    store = ObjectStore(
        provider="Alibaba" if location.kind is LocationKind.OSS else "Other",
        endpoint=found.endpoint,
        region=found.region,
        bucket=location.authority,
        prefix=location.path,
        path_style=found.path_style,
        access_key_id=found.access_key_id,
    )
    return {"store": store}


def _claim_parts(found: StorageClass, location: Location) -> dict[str, object]:
    return {"claim": found.claim, "path": location.path}


_PARTS = {
    LocationKind.FILE: _host_parts,
    LocationKind.NAS: _nfs_parts,
    LocationKind.S3: _store_parts,
    LocationKind.OSS: _store_parts,
    LocationKind.PVC: _claim_parts,
}


def _below(location: Location, root: str) -> str:
    return clean_path("/".join(Path(f"/{location.path}").relative_to(root).parts))
