"""The widget of a mount under way: what is waited for, a bar, and a button that takes it back."""

from __future__ import annotations

import threading
from html import escape
from typing import Any

import ipywidgets
from IPython import display as ipython

from dsw.errors import DswError
from dsw.mount_handle import MountHandle
from dsw.mount_text import sentence
from dsw.mounts import MountState, MountView
from dsw_server.widgets.clicks import answer_beside_cells, button, take_keys


class MountProgress:
    """Shows a mount as it is told; `show` may be called from any thread. As the last line of a cell
    it follows the mount by itself."""

    def __init__(self, handle: MountHandle) -> None:
        self._handle = handle
        self._said = ipywidgets.HTML()
        self._bar = ipywidgets.FloatProgress(
            min=0, max=100, layout=ipywidgets.Layout(width="100%", max_width="240px")
        )
        self._cancel = button("Cancel", "Take it back")
        self._cancel.on_click(self._on_cancel)
        answer_beside_cells(self._cancel)
        layout = ipywidgets.Layout(align_items="center", flex_flow="row wrap", grid_gap="4px 8px")
        self._parts = [self._said, self._bar, self._cancel]
        self.box = ipywidgets.HBox(self._parts, layout=layout)
        take_keys(self.box)
        self.show(handle.mount)

    def show(self, mount: MountView) -> None:
        """The mount as it is now."""
        self._said.value = escape(sentence(mount))
        under_way = mount.state in (MountState.MOUNTING, MountState.UNMOUNTING)
        known = under_way and mount.percent is not None
        self._bar.layout.display = None if known else "none"
        self._bar.value = mount.percent or 0.0
        self._cancel.layout.display = None if mount.state is MountState.MOUNTING else "none"

    def close(self) -> None:
        """Take it and all its parts away."""
        for part in (self.box, *self._parts):
            part.close()

    def _ipython_display_(self) -> None:
        ipython.display(self.box)  # type: ignore[no-untyped-call]
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self) -> None:
        try:
            self._handle.follow(self.show)
        except DswError as error:
            self._said.value = escape(error.sentence)

    def _on_cancel(self, _: Any) -> None:
        self._cancel.disabled, self._cancel.description = True, "Cancelling…"
        try:
            self._handle.unmount()
        except DswError as error:
            self._cancel.disabled, self._cancel.description = False, "Cancel"
            self._said.value = escape(error.sentence)
