"""The part of the browser that walks through the folders of a dataset and previews files."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets

from dsw.datasets import DatasetView, FileEntry
from dsw.errors import DswError
from dsw.mount_handle import Desk
from dsw.units import format_size
from dsw_server.widgets.clicks import button
from dsw_server.widgets.preview import preview_html

PAGE = 100
MARKS = {"folder": "/", "file": "", "link": " (link)", "other": " (no file)"}


class FilesPane:
    """The files of the dataset that `show` was called with."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._folder, self._limit = desk, "", PAGE
        self._dataset: DatasetView | None = None
        self._entries: list[FileEntry] = []
        self.where = ipywidgets.HTML()
        self.list = ipywidgets.Select(rows=8, layout=ipywidgets.Layout(width="100%"))
        self.list.description, self.list.tooltip = "Files", "Files of the dataset"
        self.open, self.up = button("Open", "Open the folder, or preview the file"), button("Up")
        self.more, self.preview = button("Show more"), ipywidgets.HTML()
        for one, act in ((self.open, self._open), (self.up, self._up), (self.more, self._more)):
            one.on_click(act)
        buttons = ipywidgets.HBox([self.open, self.up, self.more])
        self.box = ipywidgets.VBox([self.where, self.list, buttons, self.preview])
        self.show(None)

    def show(self, dataset: DatasetView | None) -> None:
        """Begin at the top of a dataset; None shows nothing."""
        self._dataset = dataset
        self.box.layout.display = "none" if dataset is None else None
        if dataset is not None:
            self._enter("")

    def _enter(self, folder: str, limit: int = PAGE) -> None:
        self.preview.value = ""
        found = self._try(lambda one: self._desk.client.files(one.id, folder, limit=limit + 1))
        if found is None:
            return
        self._folder, self._limit, self._entries = folder, limit, found[:limit]
        at = self.list.index
        self.list.options = [(_label(entry), entry.path) for entry in self._entries]
        # What was shown stays where it was when more of it comes.
        self.list.index = at if limit > PAGE else (0 if self._entries else None)
        self.up.disabled, self.open.disabled = not folder, not self._entries
        self.more.layout.display = None if len(found) > limit else "none"
        self.where.value = escape(f"{self._name}/{folder}" if folder else f"{self._name}/")
        if not found:
            self.where.value += " (empty)"

    @property
    def _name(self) -> str:
        return self._dataset.name if self._dataset else ""

    def _open(self, _: Any) -> None:
        index = self.list.index
        if index is None:
            return
        entry = self._entries[index]
        if entry.kind == "folder":
            self._enter(entry.path)
        elif shown := self._try(lambda one: self._desk.client.preview(one.id, entry.path)):
            self.preview.value = preview_html(shown)

    def _up(self, _: Any) -> None:
        self._enter(self._folder.rpartition("/")[0])

    def _more(self, _: Any) -> None:
        self._enter(self._folder, self._limit + PAGE)

    def _try(self, ask: Callable[[DatasetView], Any]) -> Any:
        if self._dataset is None:
            return None
        try:
            return ask(self._dataset)
        except DswError as error:
            self.preview.value = escape(error.sentence)
            return None


def _label(entry: FileEntry) -> str:
    size = "" if entry.size is None else f"   {format_size(entry.size)}"
    return f"{entry.name}{MARKS[entry.kind]}{size}"
