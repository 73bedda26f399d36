"""`dsw credentials`: what opens registries, git hosts and object stores; never shown again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from dsw.cli.credentials import client
from dsw.cli.find import find_credential, find_workspace
from dsw.cli.options import OfWorkspace, Workspace, Yes
from dsw.cli.output import AsJson, console, show, show_one, when
from dsw.errors import Invalid
from dsw.images import CredentialCreate, CredentialKind

app = typer.Typer(
    help="Credentials for registries, git hosts and object stores.", no_args_is_help=True
)

STDIN = "-"


@app.command("list")
def list_(workspace: OfWorkspace = None, as_json: AsJson = False) -> None:
    """List the credentials, without their secrets."""
    with client() as api:
        items = api.credentials(workspace and find_workspace(api, workspace).id)
    columns = {
        "NAME": lambda item: item.name,
        "KIND": lambda item: item.kind.value,
        "HOST": lambda item: item.host,
        "USER": lambda item: item.username,
        "BY": lambda item: item.owner,
        "CREATED": lambda item: when(item.created_at),
        "ID": lambda item: item.id,
    }
    show(items, columns, as_json, "No credentials are stored.")


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What it is called here.")],
    kind: Annotated[CredentialKind, typer.Option(help="What it opens.")],
    host: Annotated[
        str, typer.Option(help="HOST or HOST:PORT that it may be sent to, and no other.")
    ],
    username: Annotated[
        str, typer.Option(help="User name, if there is one; of an object store the access key id.")
    ] = "",
    secret_file: Annotated[
        str, typer.Option(metavar="FILE", help="Read the secret from there; `-`: standard input.")
    ] = "",
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Store a credential; the secret is asked for, or read from a file, never an argument."""
    secret = _secret(secret_file)
    with client() as api:
        body = CredentialCreate(
            workspace=find_workspace(api, workspace).id,
            name=name,
            kind=kind,
            host=host,
            username=username,
            secret=secret,
        )
        item = api.create_credential(body)
    show_one(item, as_json, f"{item.name} is stored for {item.host} ({item.id}).")


@app.command()
def delete(
    credential: Annotated[str, typer.Argument(help="Name or id.")],
    workspace: OfWorkspace = None,
    yes: Yes = False,
) -> None:
    """Forget a credential."""
    with client() as api:
        place = workspace and find_workspace(api, workspace).id
        item = find_credential(api, credential, place)
        if not yes:
            typer.confirm(f"Forget the credential {item.name!r} for {item.host}?", abort=True)
        api.delete_credential(item.id)
    console.print(f"{item.name} is forgotten.", markup=False)


def _secret(file: str) -> str:
    if file == STDIN:
        text = sys.stdin.read()
    elif file:
        try:
            text = Path(file).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Invalid(f"The secret cannot be read from {file}: {error}.") from error
    elif sys.stdin.isatty():
        text = typer.prompt("Secret", hide_input=True)
    else:
        raise Invalid(
            "The secret is asked for on a terminal only.",
            "Give --secret-file FILE, or --secret-file - for standard input.",
        )
    secret = text.rstrip("\r\n")
    if not secret:
        raise Invalid("The secret is empty.")
    return secret
