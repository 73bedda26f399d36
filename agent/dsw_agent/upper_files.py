"""How single files of an upper directory are read by their path, without following a link.

Paths that follow each other are mostly in the same folder, so the last folder stays open.
"""

from __future__ import annotations

import os
from types import TracebackType
from typing import Self

from dsw_agent import inodes
from dsw_agent.merged import read_file


class UpperFiles:
    """Reads regular files below an open directory; a context manager."""

    def __init__(self, root: int) -> None:
        self._root = root
        self._path = ""
        self._folder: int | None = root

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def read(self, path: str, limit: int) -> bytes | None:
        """The content of a regular file of at most `limit` bytes; None when there is none."""
        where, _, name = path.rpartition("/")
        if where != self._path:
            self._close()
            self._path, self._folder = where, self._open(where)
        if self._folder is None:
            return None
        try:
            return read_file(self._folder, name, limit)
        except OSError:
            return None

    def _open(self, path: str) -> int | None:
        folder = self._root
        for name in path.split("/") if path else ():
            try:
                inside = inodes.open_directory(name, folder)
            except OSError:
                inside = None
            if folder != self._root:
                os.close(folder)
            if inside is None:
                return None
            folder = inside
        return folder

    def _close(self) -> None:
        if self._folder not in (None, self._root):
            os.close(self._folder)
        self._path, self._folder = "", self._root
