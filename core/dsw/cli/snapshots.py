"""`dsw snapshots`: save instances as images, and look after what was saved."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from dsw.cli.credentials import client
from dsw.cli.find import find_instance
from dsw.cli.options import Yes
from dsw.cli.output import AsJson, console, errors, show, show_fields, show_one, when
from dsw.cli.saving import forecast_fields, wait_for_snapshot, warn_of_secrets
from dsw.client import Client
from dsw.errors import Conflict
from dsw.instances import InstanceView
from dsw.snapshots import SnapshotAsk, SnapshotCreate, SnapshotMode
from dsw.units import format_size

app = typer.Typer(help="Save instances as images.", no_args_is_help=True)

Instance = Annotated[str, typer.Argument(help="Name, display name or id.")]
Exclude = Annotated[
    list[str] | None,
    typer.Option(metavar="PATTERN", help="Leave these paths out, once or more."),
]
Full = Annotated[
    bool, typer.Option("--full", help="All changes, not only what is new since the last.")
]


@app.command()
def create(
    instance: Instance,
    name: Annotated[str, typer.Argument(help="Name of the new image.")],
    description: Annotated[str, typer.Option(help="What is in it.")] = "",
    mode: Annotated[
        SnapshotMode, typer.Option(help="`live` never pauses the instance.")
    ] = SnapshotMode.CONSISTENT,
    exclude: Exclude = None,
    full: Full = False,
    tag: Annotated[str | None, typer.Option(help="A tag of the workspace for it.")] = None,
    yes: Yes = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until saved.")] = True,
    as_json: AsJson = False,
) -> None:
    """Save an instance as an image: shows what that ships, asks, and does it; Ctrl-C cancels."""
    body = SnapshotCreate(
        name=name, description=description, mode=mode, exclude=exclude or [], full=full, tag=tag
    )
    with client() as api:
        found = find_instance(api, instance)
        if not as_json:
            _look_first(api, found, body, not yes and sys.stdin.isatty())
        item = api.create_snapshot(found.id, body)
        if wait:
            item = wait_for_snapshot(api, item)
            warn_of_secrets(api, item)
    show_one(item, as_json, f"{item.id}  {item.state.value}  image {item.image_id or '-'}")


@app.command()
def forecast(
    instance: Instance, exclude: Exclude = None, full: Full = False, as_json: AsJson = False
) -> None:
    """Show what saving an instance would ship, and save nothing."""
    with client() as api:
        body = SnapshotAsk(exclude=exclude or [], full=full)
        item = api.forecast_snapshot(find_instance(api, instance).id, body)
    show_fields(item, as_json, forecast_fields(item))


@app.command("list")
def list_(
    instance: Annotated[str, typer.Option(help="Only of this instance.")] = "",
    as_json: AsJson = False,
) -> None:
    """List snapshots, the newest first."""
    with client() as api:
        items = api.snapshots(find_instance(api, instance).id if instance else None)
    columns = {
        "NAME": lambda item: item.name,
        "STATE": lambda item: item.state.value,
        "SIZE": lambda item: format_size(item.bytes_done),
        "IMAGE": lambda item: item.image_id or "",
        "CREATED": lambda item: when(item.created_at),
        "REASON": lambda item: item.message if item.state == "Failed" else item.reason,
        "ID": lambda item: item.id,
    }
    show(items, columns, as_json, "No snapshots. Make one: dsw snapshots create INSTANCE NAME")


@app.command()
def cancel(snapshot_id: Annotated[str, typer.Argument(help="Id of the snapshot.")]) -> None:
    """End a snapshot that is under way; nothing of it stays."""
    with client() as api:
        api.cancel_snapshot(snapshot_id)
    console.print(f"{snapshot_id} is being cancelled.", markup=False)


def _look_first(api: Client, found: InstanceView, body: SnapshotCreate, ask: bool) -> None:
    """Show what would be shipped; `Conflict` for what no image can hold."""
    asked = SnapshotAsk(exclude=body.exclude, full=body.full)
    item = api.forecast_snapshot(found.id, asked)
    if item.refused:
        raise Conflict(
            "No image can hold "
            + "; ".join(f"{each.path}: {each.reason.rstrip('.')}" for each in item.refused)
            + ".",
            "Rename or remove them, or leave them out with --exclude.",
        )
    show_fields(item, False, forecast_fields(item), errors)
    if ask:
        typer.confirm(f"Save {found.display_name!r} as {body.name!r}?", abort=True, err=True)
