"""`dsw share` and `dsw shares`: who else may open an instance."""

from __future__ import annotations

from typing import Annotated

import typer

from dsw.cli.credentials import client
from dsw.cli.find import find_instance
from dsw.cli.output import AsJson, console, lab_url, show, show_one, when
from dsw.errors import NotFound
from dsw.sharing import Access, SharePut, ShareView

app = typer.Typer(help="With whom an instance is shared.", no_args_is_help=True)

Key = Annotated[str, typer.Argument(metavar="INSTANCE", help="Name, display name or id.")]
EVERYBODY = "everybody in the workspace"


def share(
    key: Key,
    user: Annotated[
        str | None, typer.Option(help="A member. Default: everybody in the workspace.")
    ] = None,
    access: Annotated[
        Access, typer.Option(help="view: look only; full: work in it as you do.")
    ] = Access.VIEW,
    as_json: AsJson = False,
) -> None:
    """Share an instance inside its workspace, or change how it is shared."""
    with client() as api:
        instance = find_instance(api, key)
        item = api.share(instance.id, SharePut(user=user, access=access))
    whom = item.user or EVERYBODY
    line = f"{instance.name} is shared with {whom} ({item.access}): {lab_url(api.url, instance)}"
    show_one(item, as_json, line)


@app.command("list")
def list_(key: Key, as_json: AsJson = False) -> None:
    """List with whom an instance is shared."""
    with client() as api:
        items = api.shares(find_instance(api, key).id)
    columns = {
        "WITH": lambda item: item.user or EVERYBODY,
        "ACCESS": lambda item: item.access.value,
        "STATE": lambda item: "active" if item.active else "pending",
        "BY": lambda item: item.created_by,
        "SINCE": lambda item: when(item.created_at),
        "ID": lambda item: item.id,
    }
    show(items, columns, as_json, "It is shared with nobody.")


@app.command()
def end(
    key: Key,
    user: Annotated[
        str | None, typer.Option(help="Only with this member. Default: with all.")
    ] = None,
) -> None:
    """Stop sharing; whoever looks at it is out within seconds."""
    with client() as api:
        instance = find_instance(api, key)
        items = api.shares(instance.id)
        ended = [item for item in items if user in (None, item.user)]
        if not ended:
            raise NotFound(f"{instance.name} is not shared with {user or 'anybody'}.", _with(items))
        for item in ended:
            api.end_share(instance.id, item.id)
    names = ", ".join(item.user or EVERYBODY for item in ended)
    console.print(f"{instance.name} is no longer shared with {names}.", markup=False)


def _with(items: list[ShareView]) -> str:
    names = ", ".join(item.user or EVERYBODY for item in items)
    return f"It is with: {names}." if names else ""
