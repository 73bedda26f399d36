"""`dsw datasets version`, `check`, `usage`, `retire`: how a dataset goes on, and ends."""

from __future__ import annotations

from typing import Annotated

import typer

from dsw.cli.credentials import client
from dsw.cli.dataset_files import Key, Version
from dsw.cli.find import find_dataset
from dsw.cli.options import OfWorkspace, Yes
from dsw.cli.output import AsJson, console, show_fields, show_one, when
from dsw.datasets import CheckView, DatasetView, VersionCreate
from dsw.errors import Conflict

OWN_FOLDER = "a folder of its own"
"""Where a dataset lies that has no URI."""


def version(
    dataset: Key,
    uri: Annotated[str | None, typer.Option(help="Where its data lies. Default: anew.")] = None,
    description: Annotated[str, typer.Option(help="What is other in it.")] = "",
    workspace: OfWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """Make a new version: other data under the same name."""
    with client() as api:
        found = find_dataset(api, dataset, workspace)
        item = api.create_version(found.id, VersionCreate(uri=uri, description=description))
    show_one(item, as_json, dataset_line(item))


def check(
    dataset: Key, version: Version = None, workspace: OfWorkspace = None, as_json: AsJson = False
) -> None:
    """Try whether the data can be reached, and say why not."""
    with client() as api:
        found = find_dataset(api, dataset, workspace)
        item = api.check_dataset(found.id, version)
    if not as_json and item.check.reachable is False:
        raise Conflict(f"{found.name} cannot be reached.", item.check.message)
    line = f"{found.name}, version {item.number}: {check_text(item.check)}"
    show_one(item, as_json, line)


def usage(dataset: Key, workspace: OfWorkspace = None, as_json: AsJson = False) -> None:
    """Show who uses a dataset."""
    with client() as api:
        found = find_dataset(api, dataset, workspace)
        used = api.dataset_usage(found.id)
    if not as_json and not used.instances and not used.others:
        console.print(f"Nothing uses {found.name}.", markup=False)
        return
    others = f"{used.others} that you may not know" if used.others else ""
    show_fields(used, as_json, {"instances": ", ".join(used.instances), "others": others})


def retire(dataset: Key, workspace: OfWorkspace = None, yes: Yes = False) -> None:
    """Take a dataset from the list; its data stays where it is."""
    with client() as api:
        item = find_dataset(api, dataset, workspace)
        if not yes:
            typer.confirm(
                f"Retire the dataset {item.name!r} ({item.uri or OWN_FOLDER})?", abort=True
            )
        api.retire_dataset(item.id)
    console.print(f"{item.name} is retired.", markup=False)


def check_text(check: CheckView) -> str:
    """Whether the data could be reached when it was last tried, and when that was."""
    if check.at is None:
        return "not tried yet"
    words = {None: "not known", True: "reachable", False: "not reachable"}
    what = f"{words[check.reachable]} ({when(check.at)})"
    return f"{what}: {check.message}" if check.message else what


def dataset_line(item: DatasetView) -> str:
    """A dataset in a line."""
    return f"{item.name}  {item.id}  version {item.version}  {item.uri or OWN_FOLDER}"


def install(app: typer.Typer) -> None:
    """Put these commands beside those of the catalog."""
    for name, command in (
        ("version", version),
        ("check", check),
        ("usage", usage),
        ("retire", retire),
    ):
        app.command(name)(command)
