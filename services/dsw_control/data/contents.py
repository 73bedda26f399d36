"""What can be done with the files of a dataset, wherever it lies."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Protocol

from dsw.datasets import FileEntry
from dsw_control.data.listing import Mark

PIECE = 2**20
"""Bytes of a file that are in memory at once, for each who reads it."""


class OpenFile(Protocol):
    """A file as it was when it was opened. `size` in bytes; `etag` is quoted and strong."""

    @property
    def size(self) -> int:
        """Bytes in all."""

    @property
    def etag(self) -> str:
        """Changes whenever the content may have."""

    @property
    def modified_at(self) -> datetime:
        """When it was written last."""

    async def read(self, start: int, length: int) -> bytes:
        """A part of it; less at its end."""

    async def stream(self, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from `start` to before `end`, piece by piece; ends early when it shrinks."""

    async def close(self) -> None:
        """Let go of it."""


class Contents(Protocol):
    """The files of one version of a dataset. Paths are clean (`dsw.locations.clean_path`).

    Everything raises `NotFound` for what is not there, `Conflict` for what cannot be done with
    what is there, and `Unavailable` when the storage does not answer.
    """

    async def entries(
        self, path: str, after: Mark | None, limit: int
    ) -> tuple[list[FileEntry], Mark | None]:
        """Up to `limit` entries of a folder after a mark, and the last one's mark if more come."""

    async def open(self, path: str) -> OpenFile:
        """A file, to be read. It must be closed."""

    async def delete(self, path: str) -> None:
        """Delete a file, a link, or a folder that is empty."""
