"""The bar on a terminal that shows bytes on their way: how many, how fast, how long yet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from dsw.cli.output import errors

COLUMNS = (
    TextColumn("{task.description}", markup=False),
    BarColumn(),
    DownloadColumn(binary_units=True),
    TransferSpeedColumn(),
    TimeRemainingColumn(),
)


@contextmanager
def byte_bar() -> Iterator[Progress]:
    """A bar on standard error; Ctrl-C loses nothing of what came over."""
    try:
        with Progress(*COLUMNS, console=errors) as progress:
            yield progress
    except KeyboardInterrupt:
        errors.print("Run it again to go on from here.", markup=False)
        raise
