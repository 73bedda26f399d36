"""How progress is shown in a notebook: the entry point `notebook` of the group `dsw.progress`.

While a snapshot or a mount is made there is a widget, or a line of text where ipywidgets is
missing. At its end a line takes the place of either, so that a notebook that is opened later still
tells what came of it. `DatasetBrowser`, `MountProgress` and `SnapshotProgress` are the widgets.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from IPython import display as ipython

from dsw import mount_text, snapshot_text
from dsw.errors import DswError
from dsw.mount_handle import MountHandle
from dsw.mounts import MountState, MountView
from dsw.snapshot_handle import SnapshotHandle
from dsw.snapshots import ENDED, SnapshotState, SnapshotView

if TYPE_CHECKING:
    from dsw_server.widgets.browser import DatasetBrowser
    from dsw_server.widgets.mount import MountProgress
    from dsw_server.widgets.snapshot import SnapshotProgress

__all__ = ["DatasetBrowser", "MountProgress", "SnapshotProgress"]

_WIDGETS = {"DatasetBrowser": "browser", "MountProgress": "mount", "SnapshotProgress": "snapshot"}

T = TypeVar("T")


def __getattr__(name: str) -> Any:
    # Not sooner: where ipywidgets is missing, lines of text do.
    if name in _WIDGETS:
        return getattr(import_module(f"{__name__}.{_WIDGETS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@contextmanager
def view(handle: SnapshotHandle) -> Iterator[Callable[[SnapshotView], None]]:
    """Shows what it is called with in the cell that runs now, and leaves what was saved there;
    whatever else becomes of it, an error says."""
    with _until_it_is(SnapshotState.SAVED, _snapshot(handle)) as show:
        yield show


@contextmanager
def mount_view(handle: MountHandle) -> Iterator[Callable[[MountView], None]]:
    """As `view`, for a mount; what it leaves is where that is."""
    shown = _Shown(_made("MountProgress", handle), mount_text.sentence, handle.mount)
    with _until_it_is(MountState.MOUNTED, shown) as show:
        yield show


def display(handle: SnapshotHandle) -> None:
    """Shows the snapshot, and follows it in a thread of its own."""
    shown = _snapshot(handle)
    if handle.snapshot.state in ENDED:
        shown.close(handle.message)
    else:
        threading.Thread(target=_follow, args=(handle, shown), daemon=True).start()


def _follow(handle: SnapshotHandle, shown: _Shown[SnapshotView]) -> None:
    try:
        for snapshot in handle.changes():
            shown.show(snapshot)
        shown.close(handle.message)
    except DswError as error:
        shown.close(error.sentence)


def _snapshot(handle: SnapshotHandle) -> _Shown[SnapshotView]:
    return _Shown(_made("SnapshotProgress", handle), snapshot_text.sentence, handle._last)


@contextmanager
def _until_it_is(done: str, shown: _Shown[T]) -> Iterator[Callable[[T], None]]:
    last: list[Any] = []

    def show(what: T) -> None:
        last[:] = [what]
        shown.show(what)

    try:
        yield show
    finally:
        shown.close(shown.say(last[0]) if last and last[0].state == done else "")


class _Shown(Generic[T]):
    """One place in a cell's output, and what is there: the widget, a line, nothing."""

    def __init__(self, widget: Any, say: Callable[[T], str], now: T) -> None:
        self._widget, self.say = widget, say
        text = _text(say(now))
        if widget is not None:
            text = {**widget.box._repr_mimebundle_(), **text}
        self._place: Any = ipython.display(text, raw=True, display_id=True)  # type: ignore[no-untyped-call]

    def show(self, what: T) -> None:
        """The snapshot or the mount as it is now."""
        if self._widget is not None:
            self._widget.show(what)
        else:
            self._put(self.say(what))

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


def _made(widget: str, handle: SnapshotHandle | MountHandle) -> Any:
    """The widget of that name, or None without ipywidgets."""
    try:
        kind = __getattr__(widget)
    except ImportError:
        return None
    return kind(handle)
