"""The line on a terminal that shows how far a mount is, to code that waits for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TextColumn

from dsw.cli.output import clean, errors
from dsw.mount_text import sentence
from dsw.mounts import MountState, MountView


@contextmanager
def mount_line() -> Iterator[Callable[[MountView], None]]:
    """Shows what it is called with, on standard error; where it was mounted stays as a sentence."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn())
    with Progress(*columns, console=errors, transient=True) as progress:
        task = progress.add_task("", total=None)

        def show(mount: MountView) -> None:
            if mount.state is MountState.MOUNTING:
                known = None if mount.percent is None else 100
                said = clean(sentence(mount))
                progress.update(task, description=said, completed=mount.percent or 0, total=known)
                return
            progress.update(task, visible=False)
            if mount.state is MountState.MOUNTED:
                errors.print(clean(sentence(mount)), markup=False)

        yield show
