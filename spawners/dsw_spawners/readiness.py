"""How soon a started server answers: a quick poll that also sees when it dies meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

POLL = 0.05
LOOK = 0.5
ANSWER = 5.0


async def answers(url: str, seconds: float, still_alive: Callable[[], Awaitable[object]]) -> bool:
    """Whether `url` (http) answers below 500 within `seconds`.

    `still_alive` is asked twice a second and raises when there is nothing left to wait for.
    """
    deadline = time.monotonic() + seconds
    look = time.monotonic() + LOOK
    while time.monotonic() < deadline:
        status = await _status(url)
        if status is not None and status < 500:
            return True
        if time.monotonic() >= look:
            await still_alive()
            look = time.monotonic() + LOOK
        await asyncio.sleep(POLL)
    await still_alive()
    return False


async def _status(url: str) -> int | None:
    """The status that the server answers with; None when it does not.

    By hand, because most polls end at a refused connect, and an HTTP client costs ten times as
    much there: with 64 starts at once that is the hub's whole core.
    """
    parts = urlsplit(url)
    request = f"GET {parts.path} HTTP/1.0\r\nHost: {parts.netloc}\r\n\r\n"
    try:
        async with asyncio.timeout(ANSWER):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
            with contextlib.closing(writer):
                writer.write(request.encode())
                line = await reader.readline()
        return int(line.split()[1])
    except (OSError, TimeoutError, ValueError, IndexError):
        return None
