"""How a layer is compressed: in one pass, fast, and not at all where that gains nothing.

Weights of models and archives do not shrink, and trying to costs more than reading them. So a look
at a few places of each chunk decides whether it is compressed, or stored in a gzip member of its
own, which any reader of gzip understands. zstd does the like by itself.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import zstandard
from isal import isal_zlib

Pack = Callable[[Iterable[bytes], bytes], Iterator[bytes]]
"""Chunks and a mark in, a blob in parts out. The mark (ASCII) is at the end, where readers skip it;
it makes the blob one that nobody else has."""

_WINDOW = 31
_MEMBER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
_COMMENTED = b"\x1f\x8b\x08\x10\0\0\0\0\0\xff"
_NOTHING = b"\x03\0" + bytes(8)
_BLOCK = 65535
_SAMPLES = 4
_SAMPLE = 8 * 1024
_WORTH = 0.9
_SKIPPED = 0x184D2A50


def gzip(chunks: Iterable[bytes], mark: bytes) -> Iterator[bytes]:
    """Members of gzip; the last one is empty and has the mark for a comment."""
    packer: Any = None
    for chunk in chunks:
        if _shrinks(chunk):
            packer = packer or isal_zlib.compressobj(1, isal_zlib.DEFLATED, _WINDOW)
            yield packer.compress(chunk)
            continue
        if packer:
            yield packer.flush()
            packer = None
        yield _stored(chunk)
    if packer:
        yield packer.flush()
    yield _COMMENTED + mark + b"\0" + _NOTHING


def zstd(chunks: Iterable[bytes], mark: bytes) -> Iterator[bytes]:
    """A frame of zstd, and one with the mark that readers skip."""
    packer = zstandard.ZstdCompressor(level=1).compressobj()
    for chunk in chunks:
        yield packer.compress(chunk)
    yield packer.flush()
    yield struct.pack("<II", _SKIPPED, len(mark)) + mark


def _shrinks(chunk: bytes) -> bool:
    if len(chunk) <= _SAMPLES * _SAMPLE:
        return True
    step = len(chunk) // _SAMPLES
    sample = b"".join(chunk[place : place + _SAMPLE] for place in range(0, step * _SAMPLES, step))
    return len(isal_zlib.compress(sample, 1)) < _WORTH * len(sample)


def _stored(chunk: bytes) -> bytes:
    parts = [_MEMBER]
    for start in range(0, len(chunk), _BLOCK):
        block = chunk[start : start + _BLOCK]
        last = start + _BLOCK >= len(chunk)
        parts += [struct.pack("<BHH", last, len(block), len(block) ^ 0xFFFF), block]
    parts.append(struct.pack("<II", isal_zlib.crc32(chunk), len(chunk) & 0xFFFFFFFF))
    return b"".join(parts)
