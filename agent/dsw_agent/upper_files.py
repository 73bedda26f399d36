"""How single files of an upper directory are read by their path, without following a link."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dsw_agent.descent import Descent
from dsw_agent.merged import read_file

Read = Callable[[str, int], bytes | None]
"""The content of the regular file at a path, of at most so many bytes; None when there is none."""


@contextmanager
def reading(root: int) -> Iterator[Read]:
    """Reads files below an open directory; quickest where one path is in the last one's folder."""
    descent = Descent(root, lambda path, descriptor: True)

    def read(path: str, limit: int) -> bytes | None:
        where, _, name = path.rpartition("/")
        named_well = "\0" not in path and ".." not in path.split("/")
        folder = descent.to(where) if named_well else None
        if folder is None:
            return None
        try:
            return read_file(folder, name, limit)
        except OSError:
            return None

    try:
        yield read
    finally:
        descent.close()
