"""Where the progress of a snapshot is shown: in a notebook, on a terminal, or nowhere.

What shows it in a notebook is another package's, found by its entry point in the group
`dsw.progress`, so that this one needs neither IPython nor widgets.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Protocol

from dsw.snapshots import SnapshotView

if TYPE_CHECKING:
    from dsw.mount_handle import MountHandle
    from dsw.mounts import MountView
    from dsw.snapshot_handle import SnapshotHandle

GROUP = "dsw.progress"

Show = Callable[[SnapshotView], None]


class NotebookViews(Protocol):
    """What the entry point `notebook` gives."""

    def view(self, handle: SnapshotHandle) -> AbstractContextManager[Show]:
        """Shows what it is called with, in the cell that runs now."""

    def display(self, handle: SnapshotHandle) -> None:
        """Shows the snapshot there and follows it beside the cells that run later."""

    def mount_view(
        self, handle: MountHandle
    ) -> AbstractContextManager[Callable[[MountView], None]]:
        """As `view`, for a mount."""


@contextmanager
def view(handle: SnapshotHandle) -> Iterator[Show]:
    """What shows each state of the snapshot, at the place where this code runs."""
    notebook = notebook_views()
    if notebook is not None:
        with notebook.view(handle) as show:
            yield show
    elif sys.stderr.isatty():
        from dsw.cli.snapshot_line import snapshot_line

        with snapshot_line() as show:
            yield show
    else:
        yield lambda _: None


def display(handle: SnapshotHandle) -> None:
    """Show a handle that IPython was given."""
    notebook = notebook_views()
    if notebook is not None:
        notebook.display(handle)
    else:
        print(handle)


def cell() -> object:
    """What tells the cell that runs now from others; None outside IPython."""
    shell = _shell()
    return None if shell is None else shell.execution_count


def _shell() -> Any:
    # Where IPython runs this code it is there already.
    ipython = sys.modules.get("IPython")
    return None if ipython is None else ipython.get_ipython()


def notebook_views() -> NotebookViews | None:
    """What shows progress in the notebook that this code runs in; None elsewhere."""
    if not hasattr(_shell(), "kernel"):
        return None
    for entry in entry_points(group=GROUP, name="notebook"):
        found: NotebookViews = entry.load()
        return found
    return None
