"""How the CLI shows things: tables for people, JSON for programs, one sentence for an error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table
from rich.text import Text

# A pipe has no width: a table that is read by a program is not cut.
console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)
errors = Console(stderr=True, highlight=False, soft_wrap=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

KEYS = ("ID", "IMAGE", "NAME", "STATE")
STYLES = {
    "Running": "green",
    "Saved": "green",
    "Failed": "red",
    "SaveFailed": "red",
    "Stopped": "dim",
    "Cancelled": "dim",
}


def show(
    items: Sequence[BaseModel],
    columns: dict[str, Callable[..., str]],
    as_json: bool,
    empty: str,
) -> None:
    """The items as a table of these columns, or as a JSON list."""
    if as_json:
        sys.stdout.write(json.dumps([item.model_dump(mode="json") for item in items], indent=2))
        sys.stdout.write("\n")
        return
    if not items:
        console.print(empty, markup=False)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in columns:
        table.add_column(title, no_wrap=title in KEYS, min_width=16 if title == "ID" else None)
    for item in items:
        texts = [value(item) for value in columns.values()]
        table.add_row(*(Text(text, style=STYLES.get(text, "")) for text in texts))
    console.print(table)


def show_one(item: BaseModel, as_json: bool, line: str) -> None:
    """One item as a line, or as a JSON object."""
    if as_json:
        sys.stdout.write(item.model_dump_json(indent=2) + "\n")
    else:
        console.print(line, markup=False)


def when(moment: datetime | None) -> str:
    """A moment in the local zone, to the minute."""
    return "" if moment is None else moment.astimezone().strftime("%Y-%m-%d %H:%M")
