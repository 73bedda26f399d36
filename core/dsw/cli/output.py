"""How the CLI shows things: tables for people, JSON for programs, one sentence for an error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any
from unicodedata import category
from urllib.parse import urljoin

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dsw.instances import InstanceView
from dsw.units import format_duration


class PlainConsole(Console):
    """A console on which texts cannot move the cursor or colour what is not theirs: what others
    wrote (a description, a sentence) is shown to people in their terminal."""

    def print(self, *objects: Any, **options: Any) -> None:
        """As rich does, without control characters in texts."""
        super().print(
            *(clean(each) if isinstance(each, str) else each for each in objects), **options
        )


def clean(text: str) -> str:
    """The text with a sign in place of each control character but line ends."""
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if category(sign) == "Cc" and sign != "\n" else sign
        for sign in text
    )


# A pipe has no width: a table that is read by a program is not cut.
console = PlainConsole(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)
errors = PlainConsole(stderr=True, highlight=False, soft_wrap=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

duration = format_duration

KEYS = ("ID", "IMAGE", "NAME", "STATE")
STYLES = {
    "Running": "green",
    "Saved": "green",
    "Queuing": "yellow",
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
        texts = [clean(value(item)) for value in columns.values()]
        table.add_row(*(Text(text, style=STYLES.get(text, "")) for text in texts))
    console.print(table)


def show_one(item: BaseModel, as_json: bool, line: str) -> None:
    """One item as a line, or as a JSON object."""
    if as_json:
        sys.stdout.write(item.model_dump_json(indent=2) + "\n")
    else:
        console.print(line, markup=False)


def show_fields(
    item: BaseModel, as_json: bool, fields: dict[str, str], to: Console = console
) -> None:
    """One item as a field a line, empty ones left out, or as a JSON object."""
    if as_json:
        show_one(item, True, "")
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    for title, text in fields.items():
        if text:
            table.add_row(title, Text(clean(text)))
    to.print(table)


def show_lines(lines: Iterable[str]) -> None:
    """Text of control as it came, such as CSV."""
    for line in lines:
        sys.stdout.write(f"{clean(line) if sys.stdout.isatty() else line}\n")


def lab_url(hub: str, instance: InstanceView) -> str:
    """Where an instance's JupyterLab is; `hub` is the hub's public address."""
    return f"{urljoin(hub, instance.url)}lab"


def when(moment: datetime | None) -> str:
    """A moment in the local zone, to the minute."""
    return "" if moment is None else moment.astimezone().strftime("%Y-%m-%d %H:%M")
