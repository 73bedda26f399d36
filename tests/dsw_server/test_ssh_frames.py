"""Websocket frames, against the frames that the real client makes."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsw import ssh_proxy
from dsw_server.ssh_frames import (
    BINARY,
    CLOSE,
    CONTENT_MAX,
    CONTINUATION,
    PING,
    PONG,
    PROTOCOL_ERROR,
    TEXT,
    TOO_BIG,
    UNSUPPORTED,
    Broken,
    Frames,
    closing,
    frame,
)

CONTENTS = st.one_of(st.binary(max_size=200), st.integers(0, 70_000).map(lambda n: b"\1\2\3" * n))


def taken(data: bytes, cuts: list[int] | None = None) -> list[tuple[int, bytes]]:
    """What comes out when the data comes in pieces of these sizes; data that touches is joined."""
    frames, found, at = Frames(), [], 0
    for cut in [*(cuts or []), len(data)]:
        for opcode, content in frames.take(memoryview(data)[at : at + cut]):
            if opcode == BINARY and found and found[-1][0] == BINARY:
                found[-1] = (BINARY, found[-1][1] + content)
            elif content or opcode != BINARY:
                found.append((opcode, content))
        at += cut
    return found


@given(st.lists(CONTENTS, max_size=4), st.lists(st.integers(0, 30), max_size=60))
def test_a_stream_comes_out_as_it_was_sent_however_it_is_cut(
    contents: list[bytes], cuts: list[int]
) -> None:
    sent = b"".join(ssh_proxy.frame(ssh_proxy.BINARY, content) for content in contents)
    joined = b"".join(contents)
    assert taken(sent, cuts) == ([(BINARY, joined)] if joined else [])


@given(st.lists(st.integers(0, 12), max_size=60))
def test_control_frames_come_whole_and_in_their_place(cuts: list[int]) -> None:
    parts = [
        (BINARY, b"one" * 100),
        (PING, b"p" * 125),
        (BINARY, b"two"),
        (PONG, b""),
        (CLOSE, b""),
    ]
    sent = b"".join(ssh_proxy.frame(opcode, content) for opcode, content in parts)
    assert taken(sent, cuts) == parts


def test_a_message_in_parts_is_one_stream_around_its_pings() -> None:
    first = bytearray(ssh_proxy.frame(BINARY, b"abc"))
    first[0] &= 0x7F
    last = ssh_proxy.frame(CONTINUATION, b"def")
    ping = ssh_proxy.frame(PING, b"?")
    assert taken(bytes(first) + ping + last) == [(BINARY, b"abc"), (PING, b"?"), (BINARY, b"def")]


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (ssh_proxy.frame(TEXT, b"text"), UNSUPPORTED),
        (frame(BINARY, b"not masked"), PROTOCOL_ERROR),
        (ssh_proxy.frame(CONTINUATION, b"of nothing"), PROTOCOL_ERROR),
        (b"\x02\x81\0\0\0\0x" + ssh_proxy.frame(BINARY, b"another"), PROTOCOL_ERROR),
        (ssh_proxy.frame(0x3, b"unknown"), PROTOCOL_ERROR),
        (b"\xc2\x81\0\0\0\0x", PROTOCOL_ERROR),
        (ssh_proxy.frame(PING, b"x" * 126), PROTOCOL_ERROR),
        (b"\x09\x80\0\0\0\0", PROTOCOL_ERROR),
        (struct.pack(">BBQ", 0x82, 0xFF, CONTENT_MAX + 1) + b"mask", TOO_BIG),
        (struct.pack(">BBQ", 0x82, 0xFF, 1 << 63) + b"mask", TOO_BIG),
    ],
)
def test_what_no_client_sends_is_refused(sent: bytes, code: int) -> None:
    with pytest.raises(Broken) as broken:
        taken(sent)
    assert broken.value.code == code


def test_the_longest_frame_is_taken() -> None:
    content = b"x" * CONTENT_MAX
    assert taken(ssh_proxy.frame(BINARY, content)) == [(BINARY, content)]


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_the_client_takes_what_the_server_makes(size: int) -> None:
    sent = memoryview(frame(BINARY, b"x" * size) + closing(1008, "é" * 100))
    *data, (opcode, content) = ssh_proxy.Frames().take(sent)
    assert b"".join(bytes(piece) for _, piece in data) == b"x" * size
    assert (opcode, bytes(content)[:2]) == (CLOSE, b"\x03\xf0")
    assert set(bytes(content)[2:].decode()) == {"é"}
