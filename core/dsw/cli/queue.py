"""`dsw queue`: who waits, for what, and in which order."""

from __future__ import annotations

from typing import Annotated

import typer

from dsw.cli.credentials import client
from dsw.cli.find import find_queued, find_workspace
from dsw.cli.options import OfWorkspace, Yes
from dsw.cli.output import AsJson, console, duration, show, show_one, when
from dsw.errors import Invalid
from dsw.queueing import QueueEntryView, QueueMove

app = typer.Typer(help="Instances that wait for resources.", no_args_is_help=True)

Key = Annotated[str, typer.Argument(metavar="INSTANCE", help="OWNER/NAME, name or id.")]


@app.command("list")
def list_(
    group: Annotated[str | None, typer.Option(help="Of this resource group only.")] = None,
    workspace: OfWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """List who waits, in the order of the queue."""
    with client() as api:
        items = api.queue(workspace and find_workspace(api, workspace).id, group)
    columns = {
        "PLACE": lambda item: str(item.place),
        "NAME": lambda item: f"{item.owner}/{item.name}",
        "GROUP": lambda item: item.resource_group,
        "SPEC": lambda item: item.spec,
        "PRIORITY": lambda item: str(item.priority),
        "WAITS FOR": lambda item: item.waiting_for,
        "SINCE": lambda item: when(item.queued_at),
        "ABOUT": estimate,
        "ID": lambda item: item.instance_id,
    }
    show(items, columns, as_json, "Nobody waits.")


@app.command()
def move(
    key: Key,
    priority: Annotated[int | None, typer.Option(min=1, max=9, help="Another priority.")] = None,
    before: Annotated[
        str | None, typer.Option(metavar="INSTANCE", help="To the place before this one.")
    ] = None,
    last: Annotated[bool, typer.Option("--last", help="To the end of the queue.")] = False,
    as_json: AsJson = False,
) -> None:
    """Give one who waits another place; for those who manage the queue."""
    if sum((priority is not None, before is not None, last)) != 1:
        raise Invalid("Where to?", "Give one of --priority, --before and --last.")
    with client() as api:
        entries = api.queue()
        other = None if before is None else find_queued(entries, before).instance_id
        body = QueueMove(priority=priority, before=other, last=last)
        item = api.move_in_queue(find_queued(entries, key).instance_id, body)
    line = f"{item.owner}/{item.name} is at place {item.place}, priority {item.priority}."
    show_one(item, as_json, line)


@app.command()
def cancel(key: Key, yes: Yes = False) -> None:
    """Take one who waits from the queue; the instance stays, stopped."""
    with client() as api:
        item = find_queued(api.queue(), key)
        if not yes:
            typer.confirm(f"Take {item.owner}/{item.name} from the queue?", abort=True)
        api.cancel_in_queue(item.instance_id)
    console.print(f"{item.owner}/{item.name} does not wait any more.", markup=False)


def estimate(item: QueueEntryView) -> str:
    """When it may start, as far as past runs tell."""
    return "" if item.estimate_seconds is None else duration(item.estimate_seconds)
