"""The line on a terminal that shows how far a snapshot is, to code that waits for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TextColumn

from dsw.cli.output import clean, errors
from dsw.snapshot_text import PHASES, amount_text, sentence
from dsw.snapshots import ENDED, SnapshotView


@contextmanager
def snapshot_line() -> Iterator[Callable[[SnapshotView], None]]:
    """Shows what it is called with, on standard error; what was saved stays as a sentence."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[amount]}", markup=False),
    )
    with Progress(*columns, console=errors, transient=True) as progress:
        task = progress.add_task("", total=None, amount="")

        def show(snapshot: SnapshotView) -> None:
            if snapshot.state in ENDED:
                progress.update(task, visible=False)
                if snapshot.image_id:
                    errors.print(sentence(snapshot), markup=False)
                return
            progress.update(
                task,
                description=clean(f"{snapshot.name}: {snapshot.message or PHASES[snapshot.state]}"),
                completed=snapshot.bytes_done,
                total=snapshot.bytes_total,
                amount=amount_text(snapshot),
            )

        yield show
