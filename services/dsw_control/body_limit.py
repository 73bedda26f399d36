"""How large the body of a request may be: it is read whole before anybody asks who sent it."""

from __future__ import annotations

import re

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_MAX = 2**20
"""Bytes. The largest that the schemas let through is a fraction of it."""

_FILE = re.compile(r".*/api/(?:images/transfers|datasets/uploads)/[^/]+/content")
"""It is written to disk as it comes, and its own size is its limit."""


class BodyLimit:
    """ASGI middleware: 413 for a longer body, announced or not."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count what comes, and pass it on."""
        if scope["type"] != "http" or _FILE.fullmatch(scope["path"]):
            await self._app(scope, receive, send)
            return
        count = 0

        async def counted() -> Message:
            nonlocal count
            message = await receive()
            count += len(message.get("body", b""))
            if count > BODY_MAX:
                # The one kind of error that reading a body lets pass as it is.
                raise HTTPException(413, f"The request is too large: {BODY_MAX:,} bytes at most")
            return message

        await self._app(scope, counted, send)
