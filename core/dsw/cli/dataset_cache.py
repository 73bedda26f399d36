"""`dsw datasets warm` and `cache`: what nodes keep of an object store's dataset."""

from __future__ import annotations

import time
from functools import partial
from typing import Annotated

import typer
from rich.progress import Progress

from dsw.cli.bars import COLUMNS
from dsw.cli.credentials import client
from dsw.cli.dataset_files import Key, Version
from dsw.cli.find import find_dataset
from dsw.cli.options import OfWorkspace
from dsw.cli.output import AsJson, errors, show_fields, show_one
from dsw.cli.progress import POLL_SECONDS, Patience
from dsw.client import Client
from dsw.datasets import WarmAsk, WarmState, WarmView
from dsw.errors import Conflict
from dsw.units import format_size

ENDED = frozenset({WarmState.DONE, WarmState.FAILED, WarmState.CANCELLED})


def warm(
    dataset: Key,
    path: Annotated[str, typer.Option(help="Only what is below it. Default: all.")] = "",
    version: Version = None,
    workspace: OfWorkspace = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it is read.")] = True,
    as_json: AsJson = False,
) -> None:
    """Read a dataset into the node's cache, so that it is near when it is needed."""
    with client() as api:
        found = find_dataset(api, dataset, workspace)
        item = api.warm_dataset(found.id, WarmAsk(path=path, version=version))
        if wait:
            item = _warmed(api, item, found.name)
    files = f"{item.files_done} files, {format_size(item.bytes_done)}"
    show_one(item, as_json, f"{found.name}  {item.state.value}  {files}  {item.id}")


def cache(dataset: Key, workspace: OfWorkspace = None, as_json: AsJson = False) -> None:
    """Show what the node keeps of a dataset, and how often that was enough."""
    with client() as api:
        item = api.dataset_cache(find_dataset(api, dataset, workspace).id)
    rate = "nothing was read yet" if item.hit_rate is None else f"{100 * item.hit_rate:.1f} %"
    fields = {
        "mounted": "yes" if item.mounted else "no",
        "state": f"{item.state}  {item.message}".strip(),
        "kept": f"{format_size(item.bytes_cached)} of at most {format_size(item.bytes_limit)}",
        "read": format_size(item.bytes_read),
        "fetched": format_size(item.bytes_fetched),
        "hit rate": rate,
    }
    show_fields(item, as_json, fields)


def _warmed(api: Client, item: WarmView, name: str) -> WarmView:
    """The filling at its end; Ctrl-C ends the waiting and nothing else."""
    patience = Patience()
    try:
        with Progress(*COLUMNS, console=errors, transient=True) as progress:
            task = progress.add_task(name, total=None)
            while item.state not in ENDED:
                time.sleep(POLL_SECONDS)
                item = patience.ask(partial(api.warming, item.id), item)
                progress.update(task, completed=item.bytes_done, total=item.bytes_total)
    except KeyboardInterrupt:
        errors.print(f"It goes on; look with: dsw datasets cache {name}", markup=False)
        raise
    if item.state is not WarmState.DONE:
        raise Conflict(f"The warming of {name} {item.state.lower()}.", item.message)
    return item


def install(app: typer.Typer) -> None:
    """Put these commands beside those of the catalog."""
    for name, command in (("warm", warm), ("cache", cache)):
        app.command(name)(command)
