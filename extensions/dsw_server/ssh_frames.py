"""Websocket frames (RFC 6455) as a server sees them, for connections that carry a stream of bytes.

A frame's content is handed on as it comes, without waiting for the whole of it: this takes half the
CPU of a websocket that collects messages.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Iterator

from tornado.util import _websocket_mask

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
NORMAL, PROTOCOL_ERROR, UNSUPPORTED, POLICY_VIOLATION, TOO_BIG = 1000, 1002, 1003, 1008, 1009

CONTENT_MAX = 1 << 20
"""Bytes of one frame."""

CONTROL_MAX = 125
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Broken(Exception):
    """What came is not what may come; `code` is the websocket's close code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def accept_key(key: str) -> str:
    """What a server answers to a client's `Sec-WebSocket-Key`."""
    return base64.b64encode(hashlib.sha1(key.encode("latin-1") + _MAGIC).digest()).decode()  # noqa: S324


def frame(opcode: int, content: bytes) -> bytes:
    """A whole message of a server."""
    size = len(content)
    if size <= CONTROL_MAX:
        head = struct.pack(">BB", 0x80 | opcode, size)
    elif size < 1 << 16:
        head = struct.pack(">BBH", 0x80 | opcode, 126, size)
    else:
        head = struct.pack(">BBQ", 0x80 | opcode, 127, size)
    return head + content


def closing(code: int, reason: str) -> bytes:
    """A CLOSE frame, with as much of the reason as fits."""
    text = reason.encode()[: CONTROL_MAX - 2].decode("utf-8", "ignore")
    return frame(CLOSE, struct.pack(">H", code) + text.encode())


class Frames:
    """Takes a client's frames apart: data in pieces, control frames whole."""

    def __init__(self) -> None:
        self._begun = b""
        self._left = 0
        self._mask = b""
        self._is_open = False

    def take(self, data: memoryview) -> Iterator[tuple[int, bytes]]:
        """Opcode and content of what has come; `Broken` for what may not come."""
        if self._begun:
            data = memoryview(self._begun + data)
            self._begun = b""
        while data:
            if self._left:
                piece, data = data[: self._left], data[self._left :]
                yield BINARY, self._unmasked(piece)
                continue
            opcode, start, size = _head(data)
            if len(data) < start + (size if opcode >= CLOSE else 0):
                self._begun = bytes(data)
                return
            self._mask = bytes(data[start - 4 : start])
            if opcode >= CLOSE:
                yield opcode, _websocket_mask(self._mask, bytes(data[start : start + size]))
                data = data[start + size :]
            else:
                self._begin(opcode, is_last=data[0] & 0x80 != 0)
                self._left, data = size, data[start:]

    def _begin(self, opcode: int, is_last: bool) -> None:
        if (opcode == CONTINUATION) != self._is_open:
            raise Broken(PROTOCOL_ERROR, "A message within a message, or the rest of none.")
        self._is_open = not is_last

    def _unmasked(self, piece: memoryview) -> bytes:
        clear = _websocket_mask(self._mask, bytes(piece))
        self._left -= len(piece)
        turn = len(piece) % 4
        self._mask = self._mask[turn:] + self._mask[:turn]
        return clear


def _head(data: memoryview) -> tuple[int, int, int]:
    """Opcode, where the content begins, and its size, which is 0 while bytes of the head lack."""
    opcode = data[0] & 0xF
    if opcode == TEXT:
        raise Broken(UNSUPPORTED, "Only binary messages.")
    if len(data) < 2:
        return opcode, 2, 0
    short = data[1] & 0x7F
    is_control = opcode >= CLOSE
    known = opcode in (CONTINUATION, BINARY, CLOSE, PING, PONG)
    whole = not is_control or (data[0] & 0x80 and short <= CONTROL_MAX)
    if not (known and whole and data[1] & 0x80) or data[0] & 0x70:
        raise Broken(PROTOCOL_ERROR, "This is no client's frame.")
    start = {126: 8, 127: 14}.get(short, 6)
    if len(data) < start:
        return opcode, start, 0
    size = short if start == 6 else int.from_bytes(data[2 : start - 4], "big")
    if size > CONTENT_MAX:
        raise Broken(TOO_BIG, f"A frame may have {CONTENT_MAX} bytes.")
    return opcode, start, size
