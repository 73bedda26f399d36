"""`dsw code`: git repositories that instances clone when they start."""

from __future__ import annotations

from typing import Annotated

import typer

from dsw.cli.credentials import client
from dsw.cli.find import find_code_source, find_credential, find_workspace
from dsw.cli.options import OfWorkspace, Workspace, Yes
from dsw.cli.output import AsJson, console, show, show_one, when
from dsw.code_sources import CodeSourceCreate
from dsw.images import CredentialKind
from dsw.plan import HOME

app = typer.Typer(help="Code sources: repositories to start with.", no_args_is_help=True)


@app.command("list")
def list_(workspace: OfWorkspace = None, as_json: AsJson = False) -> None:
    """List the code sources."""
    with client() as api:
        items = api.code_sources(workspace and find_workspace(api, workspace).id)
    columns = {
        "NAME": lambda item: item.name,
        "URL": lambda item: item.url,
        "REF": lambda item: item.ref or "(default branch)",
        "CLONED INTO": lambda item: f"{HOME}/{item.directory}",
        "BY": lambda item: item.owner,
        "CREATED": lambda item: when(item.created_at),
        "ID": lambda item: item.id,
    }
    show(items, columns, as_json, "No code sources. Add one: dsw code add NAME URL")


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What it is called here.")],
    url: Annotated[str, typer.Argument(help="https://..., without credentials in it.")],
    ref: Annotated[str, typer.Option(help="Branch, tag or commit. Default: the usual one.")] = "",
    directory: Annotated[
        str, typer.Option(help=f"Below {HOME}. Default: the repository's name.")
    ] = "",
    credential: Annotated[
        str, typer.Option(help="Name or id of the git credential that opens it.")
    ] = "",
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Register a repository; pass it on with: dsw instances create --code NAME"""
    with client() as api:
        place = find_workspace(api, workspace).id
        key = find_credential(api, credential, place, CredentialKind.GIT).id if credential else None
        body = CodeSourceCreate(
            workspace=place, name=name, url=url, ref=ref, directory=directory, credential=key
        )
        item = api.create_code_source(body)
    show_one(item, as_json, f"{item.name} is registered ({item.id}).")


@app.command()
def delete(
    code: Annotated[str, typer.Argument(metavar="CODE", help="Name or id.")],
    workspace: OfWorkspace = None,
    yes: Yes = False,
) -> None:
    """Forget a code source; what was cloned stays."""
    with client() as api:
        item = find_code_source(api, code, workspace and find_workspace(api, workspace).id)
        if not yes:
            typer.confirm(f"Forget the code source {item.name!r} ({item.url})?", abort=True)
        api.delete_code_source(item.id)
    console.print(f"{item.name} is forgotten.", markup=False)
