"""How a snapshot is shown in a notebook: the entry point `notebook` of the group `dsw.progress`.

While it is made there is a widget, or a line of text where ipywidgets is missing. At its end a line
takes the place of either, so that a notebook that is opened later still tells what was saved.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

from IPython import display as ipython

from dsw.errors import DswError
from dsw.snapshot_handle import SnapshotHandle
from dsw.snapshot_text import sentence
from dsw.snapshots import ENDED, SnapshotState, SnapshotView


@contextmanager
def view(handle: SnapshotHandle) -> Iterator[Callable[[SnapshotView], None]]:
    """Shows what it is called with in the cell that runs now, and leaves what was saved there;
    whatever else becomes of it, an error says."""
    shown = _Shown(handle)
    last: list[SnapshotView] = []

    def show(snapshot: SnapshotView) -> None:
        last[:] = [snapshot]
        shown.show(snapshot)

    try:
        yield show
    finally:
        saved = bool(last) and last[0].state is SnapshotState.SAVED
        shown.close(sentence(last[0]) if saved else "")


def display(handle: SnapshotHandle) -> None:
    """Shows the snapshot, and follows it in a thread of its own."""
    shown = _Shown(handle)
    if handle.snapshot.state in ENDED:
        shown.close(handle.message)
    else:
        threading.Thread(target=_follow, args=(handle, shown), daemon=True).start()


def _follow(handle: SnapshotHandle, shown: _Shown) -> None:
    try:
        for snapshot in handle.changes():
            shown.show(snapshot)
        shown.close(handle.message)
    except DswError as error:
        shown.close(error.sentence)


class _Shown:
    """One place in a cell's output, and what is there: the widget, a line, nothing."""

    def __init__(self, handle: SnapshotHandle) -> None:
        self._widget = _widget(handle)
        text = _text(repr(handle))
        if self._widget is not None:
            text = {**self._widget.box._repr_mimebundle_(), **text}
        self._place: Any = ipython.display(text, raw=True, display_id=True)  # type: ignore[no-untyped-call]

    def show(self, snapshot: SnapshotView) -> None:
        """The snapshot as it is now."""
        if self._widget is not None:
            self._widget.show(snapshot)
        elif snapshot.state not in ENDED:
            self._put(sentence(snapshot))

    def close(self, line: str) -> None:
        """Leave a line in its place."""
        self._put(line)
        if self._widget is not None:
            self._widget.close()

    def _put(self, line: str) -> None:
        if self._place is not None:
            self._place.update(_text(line), raw=True)


def _text(line: str) -> dict[str, str]:
    return {"text/plain": line, "text/html": f"<div>{escape(line)}</div>"}


def _widget(handle: SnapshotHandle) -> Any:
    try:
        from dsw_server.widgets.snapshot import SnapshotProgress
    except ImportError:
        return None
    return SnapshotProgress(handle)
