"""How directories below a root are kept open while entries in them are visited in order.

Each directory is opened from the one above it and no link is followed, so nothing outside of the
root is ever reached, whatever is renamed meanwhile.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from dsw_agent import inodes


class Descent:
    """The open directories from the root down to the one that was asked for last.

    `admit` is asked about each directory that is opened; one that it refuses is taken for absent.
    """

    def __init__(self, root: int, admit: Callable[[str, int], bool]) -> None:
        self._admit = admit
        self._levels: list[tuple[str, int | None]] = [("", os.dup(root))]

    def to(self, folder: str) -> int | None:
        """The descriptor of a directory, open until the next call; None when there is none."""
        path, descriptor = self._levels[-1]
        while path and path != folder and not folder.startswith(path + "/"):
            self._leave()
            path, descriptor = self._levels[-1]
        if path == folder:
            return descriptor
        for name in folder[len(path) + 1 if path else 0 :].split("/"):
            path = f"{path}/{name}" if path else name
            descriptor = None if descriptor is None else self._open(path, name, descriptor)
            self._levels.append((path, descriptor))
        return descriptor

    def close(self) -> None:
        """Close all of them."""
        while self._levels:
            self._leave()

    def _open(self, path: str, name: str, parent: int) -> int | None:
        try:
            descriptor = inodes.open_directory(name, parent)
        except OSError:
            return None
        try:
            if self._admit(path, descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        return None

    def _leave(self) -> None:
        _, descriptor = self._levels.pop()
        if descriptor is not None:
            os.close(descriptor)
