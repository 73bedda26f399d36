"""The part of the browser that mounts a dataset, says how that is, and unmounts it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets

from dsw import data_inside
from dsw.datasets import DatasetView
from dsw.errors import DswError
from dsw.mount_handle import Desk, MountHandle
from dsw.mount_text import sentence
from dsw.mounts import MountKind, MountState, MountView
from dsw_server.widgets.clicks import button

READ, WRITE = "Read only", "Read and write"


class MountPane:
    """Mounts the dataset that `show` was called with, and follows it in a thread."""

    def __init__(self, desk: Desk, changed: Callable[[], None]) -> None:
        self._desk, self._changed = desk, changed
        self._dataset: DatasetView | None = None
        self._handles: list[MountHandle] = []
        self.access = ipywidgets.Dropdown(
            options=[(READ, "ro"), (WRITE, "rw")],
            description="Access",
            layout=ipywidgets.Layout(width="220px"),
        )
        self.keep = ipywidgets.Checkbox(
            description="Keep it at the next start", indent=False, layout={"width": "auto"}
        )
        self.mount = button("Mount", button_style="primary")
        self.unmount, self.force = button("Unmount"), button("Unmount all the same")
        self.force.tooltip = "What uses it gets errors"
        self.status = ipywidgets.HTML()
        self.mount.on_click(self._on_mount)
        self.unmount.on_click(lambda _: self._remove(force=False))
        self.force.on_click(lambda _: self._remove(force=True))
        buttons = [self.access, self.keep, self.mount, self.unmount, self.force]
        layout = ipywidgets.Layout(align_items="center", flex_flow="row wrap")
        self.box = ipywidgets.VBox([ipywidgets.HBox(buttons, layout=layout), self.status])
        self.show(None, [])

    def show(self, dataset: DatasetView | None, mounts: list[MountHandle]) -> None:
        """The dataset, and what is mounted of it."""
        self._dataset, self._handles = dataset, mounts
        self.box.layout.display = "none" if dataset is None else None
        if dataset is None:
            return
        self.access.disabled = not dataset.writable
        if not dataset.writable:
            self.access.value = "ro"
        self._say(" ".join(sentence(each.mount) for each in mounts) or "It is not mounted.")
        own = self._own()
        again = own is None or own.mount.state is MountState.FAILED
        for one in (self.access, self.keep, self.mount):
            one.layout.display = None if again else "none"
        self.unmount.layout.display = None if own else "none"
        self.force.layout.display = "none"

    def _own(self) -> MountHandle | None:
        """The one that can be unmounted: not one from the start of the instance."""
        dynamic = [each for each in self._handles if each.mount.kind is MountKind.DYNAMIC]
        return dynamic[0] if dynamic else None

    def _on_mount(self, _: Any) -> None:
        if self._dataset is None:
            return
        try:
            handle = data_inside.mount(
                self._dataset.id, access=self.access.value, keep=self.keep.value, wait=False
            )
        except DswError as error:
            self._say(error.sentence)
            return
        self._work(handle, lambda: self._wait(handle))

    def _wait(self, handle: MountHandle) -> str:
        return "" if handle.follow(self._show_state).state is MountState.MOUNTED else repr(handle)

    def _remove(self, force: bool) -> None:
        own = self._own()
        if own is not None:
            self._work(own, lambda: self._gone(own, force))

    def _gone(self, handle: MountHandle, force: bool) -> str:
        self._say(f"Unmounting “{handle.name}”.")
        handle.unmount(force)
        return ""

    def _work(self, handle: MountHandle, work: Callable[[], str]) -> None:
        """In a thread, so that the notebook can be used meanwhile; what it answers is shown."""
        buttons = (self.mount, self.unmount, self.force)
        for one in buttons:
            one.disabled = True

        def run() -> None:
            try:
                said = work()
            except DswError as error:
                said = error.sentence
            self._changed()
            if said and self._dataset and self._dataset.id == handle.mount.dataset_id:
                self._say(said)
                self.force.layout.display = None if handle.mount.holders else "none"
            for one in buttons:
                one.disabled = False

        threading.Thread(target=run, daemon=True).start()

    def _show_state(self, mount: MountView) -> None:
        if self._dataset and self._dataset.id == mount.dataset_id:
            self._say(sentence(mount))

    def _say(self, text: str) -> None:
        self.status.value = f'<div role="status">{escape(text)}</div>'
