"""How a file is sent piece by piece over a connection that may break."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO, Protocol, TypeVar

from dsw.errors import Conflict, Invalid, RemoteError, Unavailable

PIECE = 8 * 2**20


class Receiving(Protocol):
    """What control says of a file that comes in."""

    @property
    def bytes_done(self) -> int:
        """Where the next piece begins."""


T = TypeVar("T", bound=Receiving)


def send_piece(item: T, file: BinaryIO, send: Callable[[bytes], T], look: Callable[[], T]) -> T:
    """What control says after the next piece was sent; when the connection broke, what it has."""
    file.seek(item.bytes_done)
    piece = file.read(PIECE)
    if not piece and item.bytes_done:
        raise Invalid(f"{file.name} has become shorter.", "Send it again.")
    try:
        return send(piece)
    except (Unavailable, RemoteError) as error:
        # How much of the piece arrived, only control knows.
        now = look()
        if now != item:
            return now
        if error.status == Conflict.status:
            # Control has not noticed yet that an earlier connection broke.
            raise Unavailable(error.message) from error
        raise
