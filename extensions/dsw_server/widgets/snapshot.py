"""The widget of a snapshot under way: phase, bar, rate, time left and a button to cancel it."""

from __future__ import annotations

from html import escape
from typing import Any

import ipywidgets

from dsw.errors import DswError
from dsw.snapshot_handle import SnapshotHandle
from dsw.snapshot_text import PHASES, amount_text, share_done
from dsw.snapshots import ENDED, SnapshotView
from dsw_server.widgets.clicks import answer_beside_cells, button, take_keys


class SnapshotProgress:
    """Shows a snapshot as it is told; `show` may be called from any thread."""

    def __init__(self, handle: SnapshotHandle) -> None:
        self._handle = handle
        self._title, self._amount = ipywidgets.HTML(), ipywidgets.HTML()
        self._bar = ipywidgets.FloatProgress(
            min=0, max=1, layout=ipywidgets.Layout(width="100%", max_width="240px")
        )
        self._cancel = button("Cancel", "End it; nothing of it stays")
        self._cancel.on_click(self._on_cancel)
        answer_beside_cells(self._cancel)
        row = ipywidgets.HBox(
            [self._bar, self._amount, self._cancel],
            layout=ipywidgets.Layout(
                align_items="center", flex_flow="row wrap", grid_gap="4px 8px"
            ),
        )
        self._parts = [self._title, self._bar, self._amount, self._cancel, row]
        self.box = ipywidgets.VBox([self._title, row])
        take_keys(self.box)
        self.show(handle.snapshot)

    def show(self, snapshot: SnapshotView) -> None:
        """The snapshot as it is now."""
        if snapshot.state in ENDED:
            return
        phase = PHASES[snapshot.state]
        said = f"{phase}. {snapshot.message}" if snapshot.message else phase
        self._title.value = f"Saving <b>{escape(snapshot.name)}</b>: {escape(said)}"
        self._amount.value = escape(amount_text(snapshot))
        self._bar.value = share_done(snapshot) or 0.0

    def close(self) -> None:
        """Take it and all its parts away."""
        for part in (self.box, *self._parts):
            part.close()

    def _on_cancel(self, _: Any) -> None:
        self._cancel.disabled, self._cancel.description = True, "Cancelling…"
        try:
            self._handle.cancel()
        except DswError as error:
            self._cancel.disabled, self._cancel.description = False, "Cancel"
            self._amount.value = escape(error.sentence)
