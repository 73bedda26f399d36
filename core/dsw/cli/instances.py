"""`dsw instances`: create, list, start, stop, change and delete instances."""

from __future__ import annotations

from typing import Annotated

import typer

from dsw.cli.credentials import client
from dsw.cli.find import find_code_source, find_image, find_instance, find_workspace
from dsw.cli.mounts import DATASETS, static_mounts
from dsw.cli.options import NoQueue, OfWorkspace, Priority, Timeout, Wait, Workspace, Yes
from dsw.cli.output import AsJson, console, errors, lab_url, show, show_one, when
from dsw.cli.progress import wait_for_instance
from dsw.client import Client
from dsw.instances import (
    InstanceChange,
    InstanceCreate,
    InstanceStart,
    InstanceStop,
    InstanceView,
)
from dsw.snapshots import ENDED

app = typer.Typer(help="Your instances.", no_args_is_help=True)

Key = Annotated[str, typer.Argument(metavar="INSTANCE", help="Name, display name or id.")]
SAVES = typer.Option("--save-on-stop/--no-save-on-stop", help="Save it as an image at each stop.")


@app.command("list")
def list_(
    everybody: Annotated[
        bool, typer.Option("--all", help="All that your role lets you see.")
    ] = False,
    shared: Annotated[
        bool, typer.Option("--shared", help="Those that others share with you.")
    ] = False,
    workspace: OfWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """List instances."""
    with client() as api:
        place = workspace and find_workspace(api, workspace).id
        items = api.instances(everybody, shared, workspace=place)
    columns = {
        "NAME": lambda item: item.name,
        "STATE": _state,
        "IMAGE": lambda item: item.image_name,
        "SPEC": lambda item: f"{item.spec.name} ({item.spec.summary})",
        "STARTED": lambda item: when(item.started_at),
        "ID": lambda item: item.id,
    }
    if shared:
        columns = {"ACCESS": lambda item: item.access or "", **columns}
    if everybody or shared:
        columns = {"OWNER": lambda item: item.owner, **columns}
    show(items, columns, as_json, "No instances. Make one: dsw instances create")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Display name, in any script.")] = "instance",
    image: Annotated[str, typer.Option(help="Name or id. Default: the first official.")] = "",
    spec: Annotated[str, typer.Option(help="A spec's name. Default: the first.")] = "",
    group: Annotated[
        str | None, typer.Option(help="Resource group. Default: the first that offers the spec.")
    ] = None,
    code: Annotated[str, typer.Option(help="Code source to clone, by name or id.")] = "",
    dataset: Annotated[list[str] | None, DATASETS] = None,
    priority: Priority = None,
    save_on_stop: Annotated[bool, SAVES] = False,
    workspace: Workspace = None,
    start: Annotated[bool, typer.Option("--start/--no-start", help="Start it at once.")] = True,
    no_queue: NoQueue = False,
    wait: Wait = True,
    timeout: Timeout = 600,
    as_json: AsJson = False,
) -> None:
    """Create an instance and, unless told otherwise, start it."""
    with client() as api:
        place = find_workspace(api, workspace).id
        body = InstanceCreate(
            workspace=place,
            display_name=name,
            image=find_image(api, image).id,
            spec=spec or api.specs()[0].name,
            resource_group=group,
            priority=priority,
            code_source=find_code_source(api, code, place).id if code else None,
            datasets=static_mounts(dataset) or [],
            save_on_stop=save_on_stop,
            start=start,
            queue=not no_queue,
        )
        finish(api, api.create_instance(body), wait and start, timeout, as_json)


@app.command()
def start(
    key: Key,
    priority: Priority = None,
    no_queue: NoQueue = False,
    wait: Wait = True,
    timeout: Timeout = 600,
    as_json: AsJson = False,
) -> None:
    """Start a stopped or failed instance."""
    with client() as api:
        body = InstanceStart(priority=priority, queue=not no_queue)
        item = api.start_instance(find_instance(api, key).id, body)
        finish(api, item, wait, timeout, as_json)


@app.command()
def stop(
    key: Key,
    save: Annotated[
        bool | None,
        typer.Option("--save/--no-save", help="Save it as an image. Default: as it is set to."),
    ] = None,
    wait: Wait = True,
    timeout: Timeout = 120,
    as_json: AsJson = False,
) -> None:
    """Stop an instance; what was installed in it stays."""
    with client() as api:
        body = None if save is None else InstanceStop(save=save)
        item = api.stop_instance(find_instance(api, key).id, body)
        finish(api, item, wait, timeout, as_json)
        for snapshot in api.snapshots(item.id, limit=1) if wait else ():
            if snapshot.automatic and snapshot.state not in ENDED:
                line = f"It is being saved; look with: dsw snapshots list --instance {item.name}"
                errors.print(line, markup=False)


@app.command()
def change(
    key: Key,
    display_name: Annotated[str | None, typer.Option(help="Another display name.")] = None,
    image: Annotated[str | None, typer.Option(help="Another image, by name or id.")] = None,
    spec: Annotated[str | None, typer.Option(help="Another spec.")] = None,
    group: Annotated[str | None, typer.Option(help="Another resource group.")] = None,
    code: Annotated[
        str | None, typer.Option(help="Another code source; empty: none any more.")
    ] = None,
    dataset: Annotated[list[str] | None, DATASETS] = None,
    no_datasets: Annotated[
        bool, typer.Option("--no-datasets", help="Start without datasets.")
    ] = False,
    priority: Priority = None,
    save_on_stop: Annotated[bool | None, SAVES] = None,
    discard_changes: Annotated[
        bool,
        typer.Option(
            "--discard-changes", help="Agree that what was installed in the container is lost."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Change the display name, or how a stopped instance starts; datasets all at once."""
    with client() as api:
        found = find_instance(api, key)
        body = InstanceChange(
            display_name=display_name,
            image=find_image(api, image).id if image else None,
            spec=spec,
            resource_group=group,
            code_source=find_code_source(api, code, found.workspace_id).id if code else code,
            priority=priority,
            datasets=[] if no_datasets else static_mounts(dataset),
            save_on_stop=save_on_stop,
            discard_changes=discard_changes,
        )
        item = api.change_instance(found.id, body)
        show_one(item, as_json, _line(api, item))


@app.command()
def delete(
    key: Key,
    yes: Yes = False,
) -> None:
    """Delete an instance with what was installed in it; /mnt/workspace stays."""
    with client() as api:
        item = find_instance(api, key)
        if not yes:
            typer.confirm(
                f"Delete {item.display_name!r}? What was installed in it is lost; files in "
                "/mnt/workspace stay.",
                abort=True,
            )
        api.delete_instance(item.id)
        console.print(f"{item.name} is being deleted.", markup=False)


@app.command()
def events(
    key: Key,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as they happen.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what happened to an instance."""
    with client() as api:
        item = find_instance(api, key)
        if not follow:
            columns = {
                "TIME": lambda event: event.at.astimezone().strftime("%H:%M:%S"),
                "STATE": lambda event: event.state,
                "REASON": lambda event: event.reason,
                "MESSAGE": lambda event: event.message,
            }
            show(api.events(item.id), columns, as_json, "Nothing happened yet.")
            return
        for event in api.follow(item.id):
            at = event.at.astimezone().strftime("%H:%M:%S")
            line = f"{at}  {event.state}  {event.reason}  {event.message}".rstrip()
            show_one(event, as_json, line)


def finish(api: Client, item: InstanceView, wait: bool, timeout: float, as_json: bool) -> None:
    """Wait for an instance if that is wanted, and show it."""
    if wait:
        item = wait_for_instance(api, item, timeout)
    show_one(item, as_json, _line(api, item))


def _line(api: Client, item: InstanceView) -> str:
    return f"{item.name}  {_state(item)}  {lab_url(api.url, item)}"


def _state(item: InstanceView) -> str:
    """The state, and of one who waits the place."""
    return (
        item.state.value if item.queue is None else f"{item.state.value}, place {item.queue.place}"
    )
