"""`dsw snapshots`: save instances as images, and look after what was saved."""

from __future__ import annotations

from typing import Annotated

import typer

from dsw.cli.credentials import client
from dsw.cli.find import find_instance
from dsw.cli.output import AsJson, console, show, show_one, when
from dsw.cli.progress import wait_for_snapshot
from dsw.snapshots import SnapshotCreate
from dsw.units import format_size

app = typer.Typer(help="Save instances as images.", no_args_is_help=True)


@app.command()
def create(
    instance: Annotated[str, typer.Argument(help="Name, display name or id.")],
    name: Annotated[str, typer.Argument(help="Name of the new image.")],
    description: Annotated[str, typer.Option(help="What is in it.")] = "",
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until saved.")] = True,
    as_json: AsJson = False,
) -> None:
    """Save an instance as an image, with progress; Ctrl-C cancels."""
    with client() as api:
        body = SnapshotCreate(name=name, description=description)
        item = api.create_snapshot(find_instance(api, instance).id, body)
        if wait:
            item = wait_for_snapshot(api, item)
    show_one(item, as_json, f"{item.id}  {item.state.value}  image {item.image_id or '-'}")


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
