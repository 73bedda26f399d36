"""What is compressed can be read by everybody, and what does not shrink does not grow either."""

from __future__ import annotations

import gzip
import io
import subprocess

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.dsw_agent.deliveries import MIB, random_bytes

from dsw_agent import compression

TEXT = b"the same words again and again " * 40_000
RANDOM = random_bytes(1, MIB)
LAYER = [TEXT[:MIB], RANDOM, RANDOM[:70_000], TEXT[:MIB], RANDOM[:1], b"", TEXT[:MIB], RANDOM]


def packed(chunks: list[bytes]) -> bytes:
    """As one blob."""
    return b"".join(compression.gzip(chunks, b"mark"))


def test_python_reads_gzip_of_many_members() -> None:
    assert gzip.decompress(packed(LAYER)) == b"".join(LAYER)


def test_the_program_reads_gzip_of_many_members() -> None:
    done = subprocess.run(["gzip", "-dc"], input=packed(LAYER), capture_output=True, check=True)
    assert done.stdout == b"".join(LAYER)
    assert not done.stderr


def test_what_does_not_shrink_is_stored_and_text_shrinks() -> None:
    assert len(packed([RANDOM] * 4)) < 4 * MIB * 1.0002
    assert len(packed([TEXT[:MIB]] * 4)) < 4 * MIB / 20


def test_zstd_is_read_with_its_mark() -> None:
    blob = b"".join(compression.zstd(LAYER, b"mark"))
    reader = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(blob), read_across_frames=True)
    assert reader.read() == b"".join(LAYER)


@pytest.mark.parametrize("pack", [compression.gzip, compression.zstd])
def test_the_same_layer_of_two_snapshots_is_two_blobs(pack: compression.Pack) -> None:
    assert b"".join(pack(LAYER, b"one")) != b"".join(pack(LAYER, b"two"))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 200_000)), max_size=8))
def test_any_mixture_comes_back(parts: list[tuple[bool, int]]) -> None:
    chunks = [(RANDOM if stored else TEXT)[:size] for stored, size in parts]
    assert gzip.decompress(packed(chunks)) == b"".join(chunks)
