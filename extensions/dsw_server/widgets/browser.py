"""The widget with which a notebook looks at datasets, mounts them and unmounts them."""

from __future__ import annotations

from html import escape
from typing import Any

import ipywidgets

from dsw.datasets import DatasetView
from dsw.errors import DswError
from dsw.mount_handle import Desk, MountHandle
from dsw_server.widgets.clicks import button, take_keys
from dsw_server.widgets.files import FilesPane
from dsw_server.widgets.mounting import MountPane


class DatasetBrowser(ipywidgets.VBox):  # type: ignore[misc]
    """Lists the datasets that may be mounted in this instance; of the chosen one it shows files,
    and mounts it. All of it works with the keyboard.

    Raises `NotFound` outside an instance, `Unavailable` when the workbench does not answer.
    """

    def __init__(self) -> None:
        self._desk = Desk()
        self._datasets: list[DatasetView] = []
        self._mounts: list[MountHandle] = []
        self.filter = ipywidgets.Text(
            placeholder="Name, label or kind", description="Filter", continuous_update=True
        )
        self.list = ipywidgets.Select(
            rows=8, description="Datasets", layout=ipywidgets.Layout(width="100%")
        )
        self.refresh = button("Refresh")
        self.about = ipywidgets.HTML()
        self.mounting = MountPane(self._desk, self.update_mounts)
        self.files = FilesPane(self._desk)
        self.filter.observe(self._fill, "value")
        self.list.observe(self._choose, "value")
        self.refresh.on_click(self._on_refresh)
        head = ipywidgets.HBox([self.filter, self.refresh])
        super().__init__([head, self.list, self.about, self.mounting.box, self.files.box])
        take_keys(self)
        self.update()

    def update(self) -> None:
        """Ask control again, for datasets and mounts."""
        self._datasets = self._desk.client.datasets()
        self._ask_mounts()
        self._fill()

    def update_mounts(self) -> None:
        """Ask control again, for mounts alone."""
        try:
            self._ask_mounts()
        except DswError as error:
            self.about.value = escape(error.sentence)
            return
        self._fill()
        if chosen := self._chosen():
            self.mounting.show(chosen, self._mounts_of(chosen))

    def _ask_mounts(self) -> None:
        self._mounts = self._desk.mounts()

    def _fill(self, _: Any = None) -> None:
        """The datasets that the filter leaves; the chosen one stays chosen."""
        words = self.filter.value.lower().split()
        left = [one for one in self._datasets if all(word in _text(one) for word in words)]
        at = self.list.value
        # A list of other options chooses its first one by itself.
        self.list.unobserve(self._choose, "value")
        self.list.options = [(self._label(one), one.id) for one in left]
        self.list.value = at if at in [one.id for one in left] else None
        self.list.observe(self._choose, "value")
        if self.list.value is None:
            self._choose()
            if not left:
                self.about.value = "No dataset fits." if self._datasets else "There are none."

    def _choose(self, _: Any = None) -> None:
        chosen = self._chosen()
        self.about.value = _about(chosen) if chosen else ""
        self.mounting.show(chosen, self._mounts_of(chosen) if chosen else [])
        self.files.show(chosen if chosen and chosen.browsable else None)

    def _chosen(self) -> DatasetView | None:
        return next((one for one in self._datasets if one.id == self.list.value), None)

    def _mounts_of(self, dataset: DatasetView) -> list[MountHandle]:
        return [each for each in self._mounts if each.mount.dataset_id == dataset.id]

    def _label(self, one: DatasetView) -> str:
        states = ", ".join(each.mount.state for each in self._mounts_of(one))
        return f"{one.name}   v{one.version}, {one.kind}{f', {states}' if states else ''}"

    def _on_refresh(self, _: Any) -> None:
        try:
            self.update()
        except DswError as error:
            self.about.value = escape(error.sentence)


def _text(one: DatasetView) -> str:
    labels = (f"{key}={value}" for key, value in one.labels.items())
    return " ".join((one.name, one.description, one.kind, one.owner, *labels)).lower()


def _about(one: DatasetView) -> str:
    labels = ", ".join(f"{key}={value}" for key, value in one.labels.items())
    said = " · ".join(part for part in (one.uri, f"by {one.owner}", labels) if part)
    hidden = "" if one.browsable else "<div>Its files can be seen once it is mounted.</div>"
    return f"<div>{escape(one.description)}</div><div>{escape(said)}</div>{hidden}"
