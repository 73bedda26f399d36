"""Storage classes: which of them a workspace may use, and which one a location is in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from dsw.datasets import StorageClassView
from dsw.errors import Invalid
from dsw.locations import Location, LocationKind, is_below
from dsw.references import host_name
from dsw.roles import Action
from dsw.settings import StorageClass
from dsw_control.access import not_from_an_instance, require
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.store.tables import Workspace
from dsw_control.tenancy import workspaces


async def list_storage_classes(
    control: Control, caller: Caller, workspace: str | None
) -> list[StorageClassView]:
    """The classes that datasets of the workspace may lie in, in the order of `dsw.toml`."""
    not_from_an_instance(caller)
    async with control.db.read() as session:
        row = await workspaces.find(session, caller, workspace)
        await require(session, caller, row.id, Action.DATASET_READ)
    return [_view(each) for each in control.settings.storage_classes if may_use(row, each)]


def may_use(workspace: Workspace, wanted: StorageClass) -> bool:
    """Whether the operator offers this class to the workspace."""
    return not wanted.workspaces or workspace.name in wanted.workspaces


def is_object_store(wanted: StorageClass) -> bool:
    """Whether it is a bucket, or all that a credential opens."""
    return wanted.kind in (LocationKind.S3, LocationKind.OSS)


def own_credential(wanted: StorageClass) -> bool:
    """Whether each dataset of the class names a credential."""
    return is_object_store(wanted) and not wanted.access_key_id


def endpoint_host(wanted: StorageClass) -> str:
    """`host[:port]` that a credential for the class is for."""
    return host_name(urlsplit(wanted.endpoint).netloc)


def class_of(
    control: Control,
    workspace: Workspace,
    location: Location,
    named: str = "",
    credential_host: str = "",
) -> StorageClass:
    """The class that the location is in. `Invalid` when there is none for this workspace, when
    only a name would tell which of several is meant, or when it has to do with credentials.

    `credential_host` is where the dataset's credential may be sent; empty without one.
    """
    found = _containing(control.settings.storage_classes, location)
    found = [each for each in found if may_use(workspace, each)]
    if named:
        found = [each for each in found if each.name == named]
    if not found:
        raise _nowhere(location, named)
    fitting = [each for each in found if _opens(each, credential_host)]
    if not fitting:
        raise _wrong_credential(found[0], credential_host)
    if len(fitting) > 1:
        names = ", ".join(each.name for each in fitting)
        raise Invalid("Which storage class is meant?", f"Name one of: {names}.")
    return fitting[0]


def _opens(wanted: StorageClass, credential_host: str) -> bool:
    if own_credential(wanted):
        return credential_host == endpoint_host(wanted)
    return not credential_host


def _containing(classes: Sequence[StorageClass], location: Location) -> list[StorageClass]:
    """Those that the location is in; of several in one another only the innermost, whoever may use
    it: a folder inside another is a class of its own because it is not for everybody."""
    measure = _MEASURES[location.kind]
    depths = {each.name: measure(each, location) for each in classes}
    deepest: dict[tuple[str, ...], int] = {}
    for each in classes:
        store = _store_of(each)
        deepest[store] = max(deepest.get(store, 0), depths[each.name])
    return [each for each in classes if depths[each.name] == deepest[_store_of(each)]]


def _store_of(wanted: StorageClass) -> tuple[str, ...]:
    """What tells apart places that share nothing."""
    return (wanted.kind, wanted.server.lower(), wanted.endpoint, wanted.bucket, wanted.claim)


def _in_host(wanted: StorageClass, location: Location) -> int:
    fits = wanted.kind == "host" and is_below(f"/{location.path}", wanted.root)
    return _depth(wanted.root) if fits else -1


def _in_nfs(wanted: StorageClass, location: Location) -> int:
    server = wanted.kind == "nfs" and wanted.server.lower() == location.authority.lower()
    fits = server and is_below(f"/{location.path}", wanted.export)
    return _depth(wanted.export) + 1 if fits else -1


def _in_bucket(wanted: StorageClass, location: Location) -> int:
    prefix = f"/{wanted.prefix.strip('/')}"
    here = wanted.kind == location.kind and wanted.bucket in ("", location.authority)
    fits = here and is_below(f"/{location.path}", prefix)
    return _depth(prefix) + 1 if fits else -1


def _in_claim(wanted: StorageClass, location: Location) -> int:
    return 1 if wanted.kind == "pvc" and wanted.claim == location.authority else -1


def _no_class(_wanted: StorageClass, _location: Location) -> int:
    return -1


_MEASURES: dict[LocationKind, Callable[[StorageClass, Location], int]] = {
    LocationKind.FILE: _in_host,
    LocationKind.NAS: _in_nfs,
    LocationKind.S3: _in_bucket,
    LocationKind.OSS: _in_bucket,
    LocationKind.PVC: _in_claim,
    LocationKind.GIT: _no_class,
}


def _depth(path: str) -> int:
    return len([part for part in path.split("/") if part])


def _wrong_credential(wanted: StorageClass, credential_host: str) -> Invalid:
    if not own_credential(wanted):
        return Invalid(
            f"Datasets in the storage class {wanted.name!r} name no credential.",
            "Leave it out: the workbench opens it.",
        )
    there = f"for {credential_host}" if credential_host else "missing"
    return Invalid(
        f"The storage class {wanted.name!r} opens only with a credential for "
        f"{endpoint_host(wanted)}; the one of this dataset is {there}.",
        "Name one of the kind object-store for that host; GET /credentials shows those there are.",
    )


def _nowhere(location: Location, named: str) -> Invalid:
    place = f"{location.kind}://{location.authority}/{location.path}"[:200]
    inside = f"the storage class {named[:40]!r}" if named else "a storage class"
    return Invalid(
        f"{place} is not in {inside} that this workspace may use.",
        "GET /storage-classes shows those that there are; the operator adds more in dsw.toml.",
    )


def _view(row: StorageClass) -> StorageClassView:
    return StorageClassView(
        name=row.name,
        kind=row.kind,
        description=row.description,
        example=_example(row),
        writable=row.writable,
        own_credential=own_credential(row),
    )


def _example(row: StorageClass) -> str:
    match row.kind:
        case "host":
            return f"file://{row.root.rstrip('/')}/folder"
        case "nfs":
            return f"nas://{row.server}{row.export.rstrip('/')}/folder"
        case "pvc":
            return f"pvc://{row.claim}/folder"
    inside = "/".join(filter(None, (row.bucket or "bucket", row.prefix.strip("/"), "folder")))
    return f"{row.kind}://{inside}"
