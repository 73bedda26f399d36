"""`dsw workspaces registry`: where a workspace's snapshots are pushed."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from dsw.cli.credentials import client
from dsw.cli.find import find_credential, find_workspace
from dsw.cli.options import Workspace, Yes
from dsw.cli.output import AsJson, console, show_fields, show_one
from dsw.client import Client
from dsw.errors import Invalid
from dsw.images import CredentialKind
from dsw.workspaces import RegistryPut, WorkspaceView

app = typer.Typer(help="Where a workspace's snapshots are pushed.", no_args_is_help=True)

USUAL = "the installation's registry"


@app.command()
def show(workspace: Workspace = None, as_json: AsJson = False) -> None:
    """Show the registry of a workspace."""
    with client() as api:
        item = find_workspace(api, workspace)
        found = item.registry
        if found is None:
            console.print("null" if as_json else f"{item.name} uses {USUAL}.", markup=False)
            return
        fields = {
            "repository": f"{found.address}/{found.repository}",
            "credential": "" if as_json else _name(api, item, found.credential),
            "plain http": "yes" if found.insecure else "",
            "compression": found.compression,
        }
    show_fields(found, as_json, fields)


@app.command("set")
def set_(
    repository: Annotated[
        str,
        typer.Argument(metavar="HOST[:PORT]/REPOSITORY", help="Images are pushed below it."),
    ],
    credential: Annotated[
        str, typer.Option(help="Name or id of the registry credential that opens it.")
    ] = "",
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Plain http; on this machine only.")
    ] = False,
    compression: Annotated[
        Literal["gzip", "zstd"], typer.Option(help="zstd needs engines from Docker 23 on.")
    ] = "gzip",
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Have a workspace's snapshots pushed to a registry of its own."""
    address, _, path = repository.partition("/")
    if not path:
        raise Invalid(f"{repository!r} names no repository.", "Write HOST[:PORT]/REPOSITORY.")
    with client() as api:
        place = find_workspace(api, workspace)
        kind = CredentialKind.REGISTRY
        body = RegistryPut(
            address=address,
            repository=path,
            credential=find_credential(api, credential, place.id, kind).id if credential else None,
            insecure=insecure,
            compression=compression,
        )
        item = api.put_registry(place.id, body)
    show_one(item, as_json, f"Snapshots of {item.name} are pushed to {address}/{path}.")


@app.command()
def unset(workspace: Workspace = None, yes: Yes = False) -> None:
    """Have a workspace's snapshots pushed to the installation's registry again."""
    with client() as api:
        item = find_workspace(api, workspace)
        if not yes:
            typer.confirm(f"Have {item.name!r} use {USUAL} again?", abort=True)
        api.delete_registry(item.id)
    console.print(f"{item.name} uses {USUAL}.", markup=False)


def _name(api: Client, item: WorkspaceView, credential: str | None) -> str:
    """What people call a credential."""
    if credential is None:
        return ""
    names = {each.id: each.name for each in api.credentials(item.id)}
    return names.get(credential, credential)
