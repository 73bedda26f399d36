"""Files of datasets in object stores, where folders are what keys have in common."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import obstore
import structlog
from obstore.exceptions import (
    BaseError,
    InvalidPathError,
    NotFoundError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import S3Store

from dsw.datasets import FileEntry
from dsw.errors import Conflict, DswError, NotFound, Unavailable
from dsw.node_mounts import ObjectStore
from dsw_control.data.contents import PIECE
from dsw_control.data.listing import Mark, below, can_be_asked_for, mark

SECONDS = 25.0
"""A store that takes longer to answer, or to list one folder, does not answer."""
_SILENCE = timedelta(seconds=20)

log = structlog.get_logger()


def open_store(store: ObjectStore) -> S3Store:
    """A client of a bucket, below the prefix; it connects when it is used first."""
    endpoint = urlsplit(store.endpoint)
    host = endpoint.netloc if store.path_style else f"{store.bucket}.{endpoint.netloc}"
    return S3Store(
        store.bucket,
        prefix=store.prefix or None,
        endpoint=f"{endpoint.scheme}://{host}{endpoint.path.rstrip('/')}",
        region=store.region or "us-east-1",
        access_key_id=store.access_key_id,
        secret_access_key=store.secret,
        virtual_hosted_style_request=not store.path_style,
        client_options={
            "allow_http": endpoint.scheme == "http",
            "connect_timeout": timedelta(seconds=5),
            "read_timeout": _SILENCE,
            # Of a whole transfer, however large.
            "timeout": timedelta(days=7),
        },
        retry_config={"max_retries": 2, "retry_timeout": _SILENCE},
    )


@contextmanager
def as_sentences(path: str) -> Iterator[None]:
    """Turn the errors of a store about a path into errors for people."""
    try:
        yield
    except (BaseError, FileNotFoundError, PermissionError, ValueError) as error:
        raise _sentence(error, path) from error
    except TimeoutError as error:
        raise _silent() from error


class ObjectFiles:
    """`Contents` of a bucket, or of the part of one."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = open_store(store)

    async def entries(
        self, path: str, after: Mark | None, limit: int
    ) -> tuple[list[FileEntry], Mark | None]:
        """As in `Contents`. A store lists by key, not folders first: the folder is read as a
        whole."""
        with as_sentences(path):
            async with asyncio.timeout(SECONDS):
                found = await obstore.list_with_delimiter_async(self._store, path or None)
        entries = {mark(name, True): _folder(path, name) for name in _names(found, path)}
        for each in found["objects"]:
            # The key that stands for the folder itself has no name.
            if name := _name(each["path"], path):
                entries[mark(name, False)] = _file(path, name, each)
        if path and not found["common_prefixes"] and not found["objects"]:
            raise NotFound(f"There is no folder {path!r} in this dataset.")
        marks = sorted(one for one in entries if after is None or one > after)
        page = marks[:limit]
        return [entries[one] for one in page], page[-1] if len(marks) > limit else None

    async def open(self, path: str) -> StoredFile:
        """As in `Contents`."""
        return StoredFile(self._store, path, await self._head(path))

    async def delete(self, path: str) -> None:
        """As in `Contents`; a store has no empty folders."""
        await self._head(path)
        with as_sentences(path):
            async with asyncio.timeout(SECONDS):
                await obstore.delete_async(self._store, path)

    async def has(self, path: str) -> bool:
        """Whether there is a file with this path."""
        try:
            await self._head(path)
        except NotFound:
            return False
        return True

    async def put(self, path: str, pieces: AsyncIterator[bytes], size: int) -> None:
        """Write a file in parts, as one step for whoever looks; `size` in bytes in all."""
        # A store takes 10,000 parts at most.
        part = max(8 * PIECE, -(-size // 9000))
        with as_sentences(path):
            await obstore.put_async(
                self._store, path, pieces, chunk_size=part, max_concurrency=4, use_multipart=True
            )

    async def _head(self, path: str) -> obstore.ObjectMeta:
        with as_sentences(path):
            async with asyncio.timeout(SECONDS):
                return await obstore.head_async(self._store, path)


class StoredFile:
    """`OpenFile` of an object."""

    def __init__(self, store: S3Store, path: str, found: obstore.ObjectMeta) -> None:
        self._store, self._path = store, path
        self._tag = found["e_tag"]
        self.size = found["size"]
        self.modified_at: datetime = found["last_modified"]
        plain = (self._tag or f"{self.modified_at.timestamp():.3f}-{self.size}").strip('"')
        self.etag = f'"{plain}"'

    async def read(self, start: int, length: int) -> bytes:
        """As in `OpenFile`."""
        end = min(start + length, self.size)
        if start >= end:
            return b""
        with as_sentences(self._path):
            async with asyncio.timeout(SECONDS):
                return bytes(await (await self._get(start, end)).bytes_async())

    async def stream(self, start: int, end: int) -> AsyncIterator[bytes]:
        """As in `OpenFile`. The store is asked before this returns."""
        if start >= end:
            return _pieces(None, self._path)
        with as_sentences(self._path):
            async with asyncio.timeout(SECONDS):
                return _pieces(await self._get(start, end), self._path)

    async def _get(self, start: int, end: int) -> obstore.GetResult:
        options: obstore.GetOptions = {"range": (start, end)}
        if self._tag:
            options["if_match"] = self._tag
        return await obstore.get_async(self._store, self._path, options=options)

    async def close(self) -> None:
        """As in `OpenFile`."""


async def _pieces(found: obstore.GetResult | None, path: str) -> AsyncIterator[bytes]:
    if found is None:
        return
    with as_sentences(path):
        async for piece in found.stream(min_chunk_size=PIECE // 4):
            yield bytes(piece)


def _names(found: obstore.ListResult[Sequence[obstore.ObjectMeta]], path: str) -> list[str]:
    return [name for each in found["common_prefixes"] if (name := _name(each, path))]


def _name(key: str, folder: str) -> str:
    return key[len(folder) :].strip("/")


def _folder(path: str, name: str) -> FileEntry:
    full = below(path, name)
    return FileEntry(name=name, path=full, kind="folder" if can_be_asked_for(full) else "other")


def _file(path: str, name: str, found: obstore.ObjectMeta) -> FileEntry:
    full = below(path, name)
    return FileEntry(
        name=name,
        path=full,
        kind="file" if can_be_asked_for(full) else "other",
        size=found["size"],
        modified_at=found["last_modified"],
    )


def _sentence(error: Exception, path: str) -> DswError:
    if isinstance(error, (NotFoundError, FileNotFoundError)):
        if not path:
            return Conflict("The bucket of this dataset is not there.", "Its check says more.")
        return NotFound(f"There is no file {path!r} in this dataset.")
    if isinstance(error, (PermissionDeniedError, UnauthenticatedError, PermissionError)):
        return Conflict(
            "The object store refuses the key of this dataset.",
            "Whoever registered the dataset can give it another one.",
        )
    if isinstance(error, PreconditionError):
        return Conflict(f"{path!r} was changed meanwhile.", "Read it again.")
    if isinstance(error, (InvalidPathError, ValueError)):
        return Conflict(
            f"A name in {path or 'this dataset'!r} is none that a file can have.",
            "Its keys have empty parts or control characters; rename those in the store.",
        )
    # A list of a bucket that is not there is no "not found" to this library.
    if " 404 " in str(error).partition("\n")[0]:
        return Conflict("The bucket of this dataset is not there.", "Its check says more.")
    log.warning("object store failed", path=path, error=str(error).partition("\n")[0][:300])
    return _silent()


def _silent() -> Unavailable:
    return Unavailable("The object store of this dataset does not answer.", "Try later.")
