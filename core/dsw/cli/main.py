"""The `dsw` command."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from pydantic import ValidationError

from dsw import __version__
from dsw.cli import (
    apply,
    archives,
    catalog,
    code,
    credentials,
    dataset_cache,
    dataset_files,
    dataset_life,
    dataset_transfers,
    datasets,
    image_life,
    images,
    instances,
    members,
    mounts,
    ports,
    queue,
    quotas,
    records,
    shares,
    snapshots,
    ssh,
    ssh_config,
    ssh_keys,
    stored,
    workspaces,
)
from dsw.cli.output import AsJson, console, errors, show
from dsw.client import Client
from dsw.errors import DswError, Invalid

app = typer.Typer(
    help="A workbench on the command line: instances, images, workspaces.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for commands in (catalog, image_life, archives):
    commands.install(images.app)
for commands in (dataset_life, dataset_files, dataset_transfers, dataset_cache):
    commands.install(datasets.app)
for name, group in (
    ("instances", instances.app),
    ("snapshots", snapshots.app),
    ("images", images.app),
    ("datasets", datasets.app),
    ("mounts", mounts.app),
    ("code", code.app),
    ("credentials", stored.app),
    ("shares", shares.app),
    ("ssh-keys", ssh_keys.app),
    ("queue", queue.app),
    ("groups", quotas.groups_app),
    ("quotas", quotas.app),
    ("workspaces", workspaces.app),
    ("members", members.app),
    ("roles", members.roles_app),
):
    app.add_typer(group, name=name)
for command in (
    ports.ports,
    shares.share,
    records.usage,
    records.storage,
    records.audit,
    apply.apply,
    apply.export,
):
    app.command()(command)
for name, reaching in (
    ("storage-classes", datasets.storage_classes),
    ("ssh", ssh.ssh),
    ("ssh-proxy", ssh.proxy),
    ("ssh-config", ssh_config.ssh_config),
):
    app.command(name)(reaching)


@app.command()
def login(
    url: Annotated[str, typer.Argument(help="Address of the workbench.")],
    token_stdin: Annotated[
        bool, typer.Option("--token-stdin", help="Read the token from standard input.")
    ] = False,
) -> None:
    """Log in with a token that the hub's page gives you."""
    url = url.rstrip("/")
    if not url.startswith(("http://", "https://")):
        raise Invalid(f"{url!r} is not an address.", "Write it as https://HOST/ or http://HOST/.")
    if token_stdin:
        token = sys.stdin.readline().strip()
    else:
        console.print(f"Make a token at {url}/hub/token and paste it here.", markup=False)
        token = typer.prompt("Token", hide_input=True).strip()
    with Client(url, token) as api:
        me = api.me()
    kept = credentials.write(credentials.Credentials(url=url, token=token))
    console.print(f"Logged in as {me.name}; kept in {kept}.", markup=False)


@app.command()
def logout() -> None:
    """Forget address and token on this computer."""
    credentials.forget()
    console.print("Logged out. The token itself ends on the hub's page.", markup=False)


@app.command()
def whoami() -> None:
    """Show who you are, and where."""
    with credentials.client() as api:
        me = api.me()
        console.print(f"{me.name} at {api.url}, engine {me.engine}", markup=False)


@app.command()
def specs(as_json: AsJson = False) -> None:
    """List the sizes that an instance can have."""
    with credentials.client() as api:
        items = api.specs()
    columns = {
        "NAME": lambda item: item.name,
        "SIZE": lambda item: item.summary,
        "DESCRIPTION": lambda item: item.description,
    }
    show(items, columns, as_json, "There are no specs.")


@app.command()
def version() -> None:
    """Show the version."""
    console.print(__version__, markup=False)


def main() -> None:
    """Run the command; a refusal is one sentence on standard error and exit status 1."""
    try:
        app()
    except DswError as error:
        errors.print(error.sentence, style="red", markup=False)
        sys.exit(1)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        errors.print(f"{where}: {first['msg']}.", style="red", markup=False)
        sys.exit(2)


if __name__ == "__main__":
    main()
