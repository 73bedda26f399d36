"""Archives that somebody sent: which image is in one, and whether it is what it says.

Nothing is written to where a member's name leads: what is taken out is named after its digest.
"""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

import zstandard
from isal import isal_zlib
from isal.igzip_lib import IsalError

CHUNK = 2**20
PIECE = 4 * CHUNK
DOCUMENT = 4 * 2**20
"""Bytes that an index, a manifest or a configuration may have."""
LAYERS = 127
"""As many as an engine can stack."""
IMAGE = "image"
"""What the image is called in the layout that is made of it."""

_INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_WITH_HEADER = 31
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


class BadArchive(Exception):
    """What is wrong with an archive, in a sentence for people."""


@dataclass
class Found:
    """An image that was looked through. `blobs` are what an OCI archive has of it by digest, none
    for Docker's own format; `unpacked` bytes of all its layers."""

    config: bytes
    unpacked: int = 0
    manifest: dict[str, Any] = field(default_factory=dict)
    blobs: list[str] = field(default_factory=list)


class Archive:
    """A tar file, plain, whose members are reached by name."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self._members = {one.name.removeprefix("./"): one for one in tar}

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def open(self, name: str) -> IO[bytes]:
        """A member that is a plain file, or a link to one in the archive."""
        member = self._members.get(name)
        try:
            file = None if member is None or member.issparse() else self._tar.extractfile(member)
        except (KeyError, RecursionError, tarfile.TarError):
            file = None
        if file is None:
            raise BadArchive(f"The archive has no file {name[:100]!r}, which its image needs.")
        return file

    def document(self, name: str) -> Any:
        """A member that is JSON, and not a large one."""
        return _json(self.read(name), name)

    def read(self, name: str) -> bytes:
        """A member that is not a large one."""
        with self.open(name) as file:
            content = file.read(DOCUMENT + 1)
        if len(content) > DOCUMENT:
            raise BadArchive(f"{name[:100]!r} in the archive is larger than any image needs.")
        return content


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """The archive, for the block; `BadArchive` for a file that is none."""
    with ExitStack() as stack:
        try:
            tar = stack.enter_context(tarfile.open(path, "r:"))
            archive = Archive(tar)
        except (tarfile.TarError, OSError, ValueError) as error:
            raise BadArchive(
                "The file is no tar archive, or not a whole one. An OCI archive is one, and what "
                "docker save writes; it must not be compressed as a whole."
            ) from error
        yield archive


def look(archive: Archive, platform: str, limit: int) -> Found:
    """Find the one image for `os/architecture`, and read all of it: each part must have the digest
    that it is named by, and its layers at most `limit` bytes together."""
    if "index.json" in archive:
        return _oci(archive, platform, limit)
    if "manifest.json" in archive:
        return _docker(archive, limit)
    raise BadArchive(
        "The archive has neither an index.json nor a manifest.json: no image is in it."
    )


def take_out(archive: Archive, found: Found, layout: Path) -> None:
    """Write an OCI layout with this image alone; `found` is what `look` said of the archive."""
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    for digest in found.blobs:
        with archive.open(_blob(digest)) as source, (blobs / digest[7:]).open("wb") as file:
            while chunk := source.read(CHUNK):
                file.write(chunk)
    descriptor = found.manifest | {"annotations": {"org.opencontainers.image.ref.name": IMAGE}}
    index = {"schemaVersion": 2, "manifests": [descriptor]}
    (layout / "index.json").write_text(json.dumps(index))
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


def _oci(archive: Archive, platform: str, limit: int) -> Found:
    descriptor = _chosen(archive.document("index.json"), platform)
    if descriptor.get("mediaType") in _INDEXES:
        inner = _json(_checked(archive, descriptor), "the index")
        descriptor = _chosen(inner, platform)
    manifest = _json(_checked(archive, descriptor), "the manifest")
    layers, about = _list(manifest, "layers"), _dict(manifest, "config")
    config = _checked(archive, about)
    diff_ids = _diff_ids(config)
    if len(layers) != len(diff_ids):
        raise BadArchive("The image's manifest and its configuration name different layers.")
    found = Found(config=config, manifest=_pointer(descriptor))
    for layer, diff_id in zip(layers, diff_ids, strict=True):
        found.unpacked += _check_layer(archive, layer, diff_id, limit - found.unpacked)
    parts = (descriptor, about, *layers)
    found.blobs = list(dict.fromkeys(str(part["digest"]) for part in parts))
    return found


def _docker(archive: Archive, limit: int) -> Found:
    images = archive.document("manifest.json")
    if not isinstance(images, list) or len(images) != 1 or not isinstance(images[0], dict):
        raise BadArchive("There must be one image in the archive, and one only.")
    config = archive.read(str(images[0].get("Config")))
    layers, diff_ids = _list(images[0], "Layers"), _diff_ids(config)
    if len(layers) != len(diff_ids):
        raise BadArchive("The image's manifest and its configuration name different layers.")
    found = Found(config=config)
    for name, diff_id in zip(layers, diff_ids, strict=True):
        with archive.open(str(name)) as file:
            found.unpacked += _measure(file, diff_id, limit - found.unpacked)
    return found


def _chosen(index: Any, platform: str) -> dict[str, Any]:
    entries = [one for one in _list(index, "manifests") if isinstance(one, dict)]
    # Signatures and the like stand there, too, for a platform that is called unknown.
    entries = [one for one in entries if _platform(one) != "unknown/unknown"]
    if len(entries) > 1:
        entries = [one for one in entries if _platform(one) == platform]
    if len(entries) != 1:
        raise BadArchive(f"There must be one image for {platform} in the archive, and one only.")
    return entries[0]


def _platform(descriptor: dict[str, Any]) -> str:
    about = descriptor.get("platform")
    about = about if isinstance(about, dict) else {}
    return f"{about.get('os')}/{about.get('architecture')}"


def _checked(archive: Archive, descriptor: dict[str, Any]) -> bytes:
    """A small part, which has the digest that it was named by."""
    digest = _digest(descriptor)
    content = archive.read(_blob(digest))
    if f"sha256:{hashlib.sha256(content).hexdigest()}" != digest:
        raise _wrong(digest)
    return content


def _check_layer(archive: Archive, layer: Any, diff_id: str, limit: int) -> int:
    digest = _digest(layer if isinstance(layer, dict) else {})
    packed = hashlib.sha256()
    with archive.open(_blob(digest)) as file:
        size = _measure(file, diff_id, limit, packed.update)
    if f"sha256:{packed.hexdigest()}" != digest:
        raise _wrong(digest)
    return size


def _measure(
    file: IO[bytes], diff_id: str, limit: int, seen: Callable[[bytes], None] = lambda _: None
) -> int:
    """Bytes of a layer when it is unpacked, which then has this digest."""
    size, digest = 0, hashlib.sha256()
    try:
        for part in _unpacked(_Read(file, seen)):
            size += len(part)
            if size > limit:
                raise BadArchive(
                    "Unpacked, the image is larger than this workbench has room for. "
                    "Make it smaller, or ask an administrator for more disk."
                )
            digest.update(part)
    except (IsalError, zlib.error, zstandard.ZstdError) as error:  # type: ignore[misc]
        raise BadArchive("A layer of the image cannot be unpacked: it is damaged.") from error
    if f"sha256:{digest.hexdigest()}" != diff_id:
        raise BadArchive("A layer of the image is not the one that its configuration names.")
    return size


class _Read:
    """A file of which somebody sees all that is read, and whose kind shows by its first bytes."""

    def __init__(self, file: IO[bytes], seen: Callable[[bytes], None]) -> None:
        self._file, self._seen = file, seen
        self.first = file.read(4)
        file.seek(0)

    def read(self, size: int = CHUNK) -> bytes:
        """At most so many bytes."""
        chunk = self._file.read(size)
        self._seen(chunk)
        return chunk


def _unpacked(source: _Read) -> Iterator[bytes]:
    """The layer in pieces of a few MiB, however well it is compressed."""
    if source.first == _ZSTD:
        unpacker = zstandard.ZstdDecompressor(max_window_size=2**27)
        with unpacker.stream_reader(cast(IO[bytes], source), read_across_frames=True) as reader:
            while part := reader.read(PIECE):
                yield part
    elif source.first.startswith(_GZIP):
        yield from _gunzipped(source)
    else:
        while part := source.read():
            yield part


def _gunzipped(source: _Read) -> Iterator[bytes]:
    unpacker, pending = isal_zlib.decompressobj(_WITH_HEADER), source.read()
    while True:
        part = unpacker.decompress(pending, PIECE)
        if part:
            yield part
        if unpacker.eof:
            pending = unpacker.unused_data or source.read()
            if not pending:
                return
            unpacker = isal_zlib.decompressobj(_WITH_HEADER)
            continue
        pending = unpacker.unconsumed_tail
        if not pending and not part:
            pending = source.read()
            if not pending:
                raise zlib.error("the end is missing")


def _diff_ids(config: bytes) -> list[str]:
    rootfs = _dict(_json(config, "the configuration"), "rootfs")
    diff_ids = [str(one) for one in _list(rootfs, "diff_ids")]
    if len(diff_ids) > LAYERS:
        raise BadArchive(f"The image has {len(diff_ids)} layers; {LAYERS} is the most.")
    return diff_ids


def _pointer(descriptor: dict[str, Any]) -> dict[str, Any]:
    return {key: descriptor.get(key) for key in ("mediaType", "digest", "size")}


def _digest(descriptor: dict[str, Any]) -> str:
    digest = str(descriptor.get("digest"))
    if not _DIGEST.fullmatch(digest):
        raise BadArchive(f"{digest[:80]!r} in the archive is no digest of the kind sha256.")
    return digest


def _blob(digest: str) -> str:
    return f"blobs/sha256/{digest.removeprefix('sha256:')}"


def _wrong(digest: str) -> BadArchive:
    return BadArchive(
        f"A part of the image is not what it is named by: {digest[:19]}... is the digest of other "
        "content. Export the image again."
    )


def _json(content: bytes, name: str) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BadArchive(f"{name[:100]} in the archive cannot be read.") from error


def _dict(tree: Any, key: str) -> dict[str, Any]:
    found = tree.get(key) if isinstance(tree, dict) else None
    if not isinstance(found, dict):
        raise BadArchive(f"The description of the image has no {key}.")
    return found


def _list(tree: Any, key: str) -> list[Any]:
    found = tree.get(key) if isinstance(tree, dict) else None
    if not isinstance(found, list):
        raise BadArchive(f"The description of the image has no {key}.")
    return found
