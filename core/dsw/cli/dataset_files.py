"""`dsw datasets files`, `preview`, `delete-file`: what is in a dataset."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from dsw.cli.credentials import client
from dsw.cli.find import find_dataset
from dsw.cli.options import OfWorkspace, Yes
from dsw.cli.output import AsJson, clean, console, errors, show, show_one, when
from dsw.datasets import Preview
from dsw.units import format_size

Key = Annotated[str, typer.Argument(metavar="DATASET", help="Name or id.")]
FilePath = Annotated[str, typer.Argument(metavar="PATH", help="In the dataset.")]
Version = Annotated[int | None, typer.Option(min=1, help="Default: the newest.")]


def files(
    dataset: Key,
    path: Annotated[str, typer.Argument(metavar="[FOLDER]", help="In the dataset.")] = "",
    version: Version = None,
    limit: Annotated[int | None, typer.Option(min=1, help="The first so many.")] = None,
    workspace: OfWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """List what is in a dataset, or in a folder of it."""
    with client() as api:
        found = find_dataset(api, dataset, workspace)
        items = api.files(found.id, path, version, limit)
    columns = {
        "NAME": lambda item: f"{item.name}/" if item.kind == "folder" else item.name,
        "KIND": lambda item: item.kind,
        "SIZE": lambda item: "" if item.size is None else format_size(item.size),
        "CHANGED": lambda item: when(item.modified_at),
    }
    show(items, columns, as_json, "Nothing is in it.")


def preview(
    dataset: Key,
    path: FilePath,
    version: Version = None,
    workspace: OfWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """Show the beginning of a file: of a text, or of a table such as CSV or Parquet."""
    with client() as api:
        item = api.preview(find_dataset(api, dataset, workspace).id, path, version)
    if as_json:
        show_one(item, True, "")
    elif item.kind == "text":
        console.print(item.text, markup=False)
    elif item.kind == "table":
        console.print(_table(item))
    notes = [item.message, _more(item)] if not as_json else []
    for note in filter(None, notes):
        errors.print(note, markup=False)


def delete_file(
    dataset: Key, path: FilePath, workspace: OfWorkspace = None, yes: Yes = False
) -> None:
    """Delete a file of a dataset's newest version."""
    with client() as api:
        found = find_dataset(api, dataset, workspace)
        if not yes:
            typer.confirm(f"Delete {path!r} of {found.name!r}? It cannot be undone.", abort=True)
        api.delete_file(found.id, path)
    console.print(f"{path} is deleted.", markup=False)


def _table(item: Preview) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in item.columns:
        table.add_column(Text(clean(name)))
    for row in item.rows:
        table.add_row(*(Text(clean(cell)) for cell in row))
    return table


def _more(item: Preview) -> str:
    """What of the file is not shown."""
    if item.kind == "image":
        return "It is an image; fetch it with: dsw datasets download"
    if item.kind == "table" and item.total_rows is not None and item.total_rows > len(item.rows):
        return f"The first {len(item.rows)} of {item.total_rows} rows."
    return "This is its beginning only." if item.truncated else ""


def install(app: typer.Typer) -> None:
    """Put these commands beside those of the catalog."""
    for name, command in (("files", files), ("preview", preview), ("delete-file", delete_file)):
        app.command(name)(command)
