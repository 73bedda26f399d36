"""`dsw mounts`: datasets in a running instance, added and taken out without a restart."""

from __future__ import annotations

import time
from functools import partial
from typing import Annotated

import typer
from rich.markup import escape

from dsw.cli.credentials import client
from dsw.cli.find import find_instance
from dsw.cli.options import Timeout, Wait
from dsw.cli.output import AsJson, clean, console, errors, show, show_one
from dsw.cli.progress import POLL_SECONDS, Patience
from dsw.client import Client
from dsw.datasets import DataAccess
from dsw.errors import Conflict, Invalid, NotFound, Unavailable
from dsw.mounts import MountCreate, MountState, MountView, StaticMount

app = typer.Typer(help="Datasets mounted in an instance.", no_args_is_help=True)

Instance = Annotated[str, typer.Argument(help="Name, display name, OWNER/NAME or id.")]
DATASETS = typer.Option(
    "--dataset",
    metavar="NAME[:VERSION][@PATH][,rw]",
    help="A dataset to mount at its start, once or more: by name or id, read-only unless `,rw`.",
)


@app.command("list")
def list_(instance: Instance, as_json: AsJson = False) -> None:
    """List what is mounted in an instance, and how each mount is."""
    with client() as api:
        items = api.mounts(find_instance(api, instance).id)
    columns = {
        "NAME": lambda item: item.name,
        "DATASET": lambda item: f"{item.dataset_name}:{item.version}",
        "KIND": lambda item: "kept" if item.keep else item.kind.value,
        "ACCESS": lambda item: item.access.value,
        "AT": lambda item: item.target,
        "STATE": lambda item: item.state.value,
        "REASON": _reason,
        "ID": lambda item: item.id,
    }
    show(items, columns, as_json, "Nothing is mounted. Mount a dataset: dsw mounts add")


@app.command()
def add(
    instance: Instance,
    dataset: Annotated[str, typer.Argument(help="Name or id.")],
    version: Annotated[int | None, typer.Option(min=1, help="Default: the newest.")] = None,
    name: Annotated[
        str | None, typer.Option(help="At /mnt/dynamic/NAME. Default: the dataset's name.")
    ] = None,
    rw: Annotated[bool, typer.Option("--rw", help="To write, too.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="It comes back at each start.")] = False,
    wait: Wait = True,
    timeout: Timeout = 120,
    as_json: AsJson = False,
) -> None:
    """Mount a dataset in a running instance, without a restart."""
    access = DataAccess.RW if rw else DataAccess.RO
    body = MountCreate(dataset=dataset, version=version, name=name, access=access, keep=keep)
    with client() as api:
        found = find_instance(api, instance)
        item = api.create_mount(found.id, body)
        if wait:
            item = _settled(api, item, MountState.MOUNTING, timeout)
    if item.state is MountState.FAILED and not as_json:
        raise Conflict(f"{item.dataset_name} could not be mounted.", item.message)
    show_one(item, as_json, _line(item))


@app.command()
def remove(
    instance: Instance,
    mount: Annotated[str, typer.Argument(help="Name of the mount, its path or id.")],
    force: Annotated[
        bool, typer.Option("--force", help="Also when processes use it; they get errors.")
    ] = False,
    wait: Wait = True,
    timeout: Timeout = 60,
) -> None:
    """Unmount a dataset; says which processes still use it."""
    with client() as api:
        item = find_mount(api, find_instance(api, instance).id, mount)
        item = api.remove_mount(item.instance_id, item.id, force)
        if wait:
            item = _settled(api, item, MountState.UNMOUNTING, timeout)
    if wait and item.state is not MountState.UNMOUNTED:
        raise Conflict(f"{item.target} is {item.state.value}.", item.message)
    console.print(f"{item.target} is {item.state.value.lower()}.", markup=False)


def find_mount(api: Client, instance_id: str, key: str) -> MountView:
    """The mount of an instance with this id, path or name; a dynamic one before others."""
    items = sorted(api.mounts(instance_id), key=lambda item: item.kind)
    for item in items:
        if key in (item.id, item.target, item.name):
            return item
    known = ", ".join(item.name for item in items) or "none"
    raise NotFound(f"Nothing is mounted as {key!r}.", f"Mounts: {known}.")


def static_mounts(texts: list[str] | None) -> list[StaticMount] | None:
    """Datasets as `NAME[:VERSION][@PATH][,rw]`; None when none are named."""
    return None if texts is None else [static_mount(text) for text in texts]


def static_mount(text: str) -> StaticMount:
    """One dataset as `NAME[:VERSION][@PATH][,rw]`; `Invalid` when it cannot be read."""
    rest, comma, last = text.rpartition(",")
    access = DataAccess.RO
    if comma and last in (DataAccess.RO, DataAccess.RW):
        access = DataAccess(last)
    else:
        rest = text
    rest, _, path = rest.partition("@")
    name, colon, number = rest.partition(":")
    if not name or (colon and not (number.isascii() and number.isdigit() and int(number))):
        raise Invalid(
            f"{text!r} does not say which dataset.",
            "Write it as NAME, NAME:VERSION, NAME@/a/path or NAME,rw.",
        )
    return StaticMount(
        dataset=name, version=int(number) if colon else None, path=path or None, access=access
    )


def _settled(api: Client, item: MountView, moving: MountState, seconds: float) -> MountView:
    """The mount, once it is not in this state any more; Ctrl-C ends the waiting only."""
    patience = Patience()
    deadline = time.monotonic() + seconds
    with errors.status(f"{item.target}: {item.state}") as status:
        while item.state is moving:
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"{item.target} is still {item.state} after {seconds:.0f} s.",
                    "It goes on; look with: dsw mounts list",
                )
            time.sleep(POLL_SECONDS)
            item = patience.ask(partial(api.mount, item.instance_id, item.id), item)
            percent = "" if item.percent is None else f" {item.percent:.0f} %"
            line = f"{item.target}: {item.state}{percent} {item.message[:200]}"
            status.update(escape(clean(line)))
    return item


def _reason(item: MountView) -> str:
    percent = "" if item.percent is None else f"{item.percent:.0f} %"
    return item.message or percent or item.reason


def _line(item: MountView) -> str:
    line = f"{item.target}  {item.state.value}  {item.access.value}  {item.id}"
    return f"{line}  {item.message}".rstrip()
