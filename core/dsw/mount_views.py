"""Where it is shown how far a mount is: in a notebook, on a terminal, or nowhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dsw.mounts import MountView
from dsw.snapshot_views import notebook_views

if TYPE_CHECKING:
    from dsw.mount_handle import MountHandle


@contextmanager
def view(handle: MountHandle) -> Iterator[Callable[[MountView], None]]:
    """What shows each state of the mount, at the place where this code runs."""
    notebook = notebook_views()
    if notebook is not None:
        with notebook.mount_view(handle) as show:
            yield show
    elif sys.stderr.isatty():
        from dsw.cli.mount_line import mount_line

        with mount_line() as show:
            yield show
    else:
        yield lambda _: None
