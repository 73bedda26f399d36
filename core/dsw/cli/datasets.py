"""`dsw datasets list` and what is done with a dataset of the catalog; `dsw storage-classes`."""

from __future__ import annotations

from typing import Annotated

import typer

from dsw.cli.credentials import client
from dsw.cli.dataset_files import Key
from dsw.cli.dataset_life import OWN_FOLDER, check_text, dataset_line
from dsw.cli.find import find_credential, find_dataset, find_workspace
from dsw.cli.options import OfWorkspace, Workspace
from dsw.cli.output import AsJson, show, show_fields, show_one, when
from dsw.datasets import DataAccess, DatasetChange, DatasetCreate, DatasetView, VersionView
from dsw.errors import Invalid
from dsw.images import CredentialKind, Visibility
from dsw.locations import LocationKind, parse_location

app = typer.Typer(help="Datasets: registered data to mount.", no_args_is_help=True)

Description = Annotated[str | None, typer.Option(help="What is in it.")]
Label = Annotated[
    list[str] | None, typer.Option("--label", metavar="KEY=VALUE", help="Once or more.")
]
Access = Annotated[DataAccess | None, typer.Option(help="`rw`: it may be written, too.")]
WriteRole = Annotated[
    list[str] | None,
    typer.Option("--write-role", metavar="ROLE", help="Roles that may write, once or more."),
]
MountPath = Annotated[
    str | None, typer.Option("--path", help="Where it is mounted. Default: /mnt/data/NAME.")
]
Seen = Annotated[Visibility | None, typer.Option(help="Who sees it.")]
URI = (
    "file:///folder, nas://server/export/folder, s3://bucket/prefix, oss://bucket/prefix or "
    "git+https://host/repository@branch. Default: a new folder on the workspace's storage."
)


@app.command("list")
def list_(
    name: Annotated[str | None, typer.Option(help="A part of the name.")] = None,
    label: Annotated[
        str | None, typer.Option(metavar="KEY[=VALUE]", help="That have this label.")
    ] = None,
    kind: Annotated[str | None, typer.Option(help="Such as file, nas, s3, oss, git.")] = None,
    workspace: OfWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """List the datasets that you may see."""
    with client() as api:
        place = workspace and find_workspace(api, workspace).id
        items = api.datasets(workspace=place, name=name, label=label, kind=kind)
    columns = {
        "NAME": lambda item: item.name,
        "KIND": lambda item: item.kind,
        "VERSION": lambda item: str(item.version),
        "ACCESS": lambda item: item.access.value,
        "SEEN BY": lambda item: item.visibility.value,
        "URI": lambda item: item.uri or OWN_FOLDER,
        "OWNER": lambda item: item.owner,
        "ID": lambda item: item.id,
    }
    show(items, columns, as_json, "No datasets. Register one: dsw datasets create NAME")


@app.command("show")
def show_dataset(dataset: Key, workspace: OfWorkspace = None, as_json: AsJson = False) -> None:
    """Show all of a dataset, and its versions."""
    with client() as api:
        item = api.dataset(find_dataset(api, dataset, workspace).id)
    fields = {
        "name": item.name,
        "description": item.description,
        "id": item.id,
        "kind": item.kind,
        "uri": item.uri or OWN_FOLDER,
        "class": item.storage_class,
        "credential": item.credential or "",
        "access": item.access.value,
        "may write": ", ".join(item.write_roles) if item.access is DataAccess.RW else "",
        "mounted at": item.mount_path,
        "seen by": item.visibility.value,
        "owner": item.owner,
        "labels": _label_text(item),
        "versions": "\n".join(_version_text(each) for each in item.versions),
        "created": when(item.created_at),
        "retired": when(item.retired_at),
    }
    show_fields(item, as_json, fields)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Lower case letters, digits, `.`, `_`, `-`.")],
    uri: Annotated[str | None, typer.Option(help=URI)] = None,
    storage_class: Annotated[
        str | None, typer.Option("--class", help="Storage class, where the URI does not tell.")
    ] = None,
    credential: Annotated[
        str, typer.Option(help="Name or id of the credential that opens it.")
    ] = "",
    description: Description = None,
    label: Label = None,
    access: Access = None,
    write_role: WriteRole = None,
    path: MountPath = None,
    visibility: Seen = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Register a dataset."""
    with client() as api:
        place = find_workspace(api, workspace).id
        kind = _credential_kind(uri)
        key = find_credential(api, credential, place, kind).id if credential else None
        given = {
            "description": description,
            "labels": _labels(label),
            "access": access,
            "write_roles": write_role,
            "visibility": visibility,
        }
        body = DatasetCreate(
            workspace=place,
            name=name,
            uri=uri,
            storage_class=storage_class,
            credential=key,
            mount_path=path,
            **{key: value for key, value in given.items() if value is not None},
        )
        item = api.create_dataset(body)
    show_one(item, as_json, dataset_line(item))


@app.command()
def change(
    dataset: Key,
    name: Annotated[str | None, typer.Option(help="Another name.")] = None,
    description: Description = None,
    label: Label = None,
    access: Access = None,
    write_role: WriteRole = None,
    path: Annotated[
        str | None, typer.Option("--path", help="Where it is mounted; empty: the default.")
    ] = None,
    visibility: Seen = None,
    workspace: OfWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """Change what is said of a dataset, who may write it, or who sees it; labels all at once."""
    with client() as api:
        item = api.dataset(find_dataset(api, dataset, workspace).id)
        body = DatasetChange(
            name=name,
            description=description,
            labels=_labels(label),
            access=access,
            write_roles=write_role,
            mount_path=path,
            visibility=visibility,
        )
        item = api.change_dataset(item.id, body, if_unchanged=True)
    show_one(item, as_json, dataset_line(item))


def storage_classes(workspace: Workspace = None, as_json: AsJson = False) -> None:
    """List where a workspace's datasets may lie."""
    with client() as api:
        items = api.storage_classes(find_workspace(api, workspace).id)
    columns = {
        "NAME": lambda item: item.name,
        "KIND": lambda item: item.kind,
        "WRITABLE": lambda item: "yes" if item.writable else "no",
        "CREDENTIAL": lambda item: "of the dataset" if item.own_credential else "",
        "EXAMPLE": lambda item: item.example,
        "DESCRIPTION": lambda item: item.description,
    }
    empty = "There are no storage classes; datasets without a URI lie on the workspace's storage."
    show(items, columns, as_json, empty)


def _credential_kind(uri: str | None) -> CredentialKind:
    if uri and parse_location(uri).kind is LocationKind.GIT:
        return CredentialKind.GIT
    return CredentialKind.OBJECT_STORE


def _labels(texts: list[str] | None) -> dict[str, str] | None:
    """`KEY=VALUE` each; None when none are given, so that those that are there stay."""
    if texts is None:
        return None
    found = {}
    for text in texts:
        key, mark, value = text.partition("=")
        if not mark:
            raise Invalid(f"{text!r} is no label.", "Write it as KEY=VALUE.")
        found[key] = value
    return found


def _version_text(item: VersionView) -> str:
    where = item.uri or OWN_FOLDER
    return f"{item.number}  {where}  {check_text(item.check)}  {item.description}".rstrip()


def _label_text(item: DatasetView) -> str:
    return ", ".join(f"{key}={value}" if value else key for key, value in item.labels.items())
