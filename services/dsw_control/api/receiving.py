"""Routes that take a file in pieces: what they say of the body, and its bytes as they come."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from fastapi import Request
from starlette.requests import ClientDisconnect

from dsw.roles import Action
from dsw_control.api.dependencies import does

_SENT = {"requestBody": {"required": True, "content": {"application/octet-stream": {}}}}


def receives(action: Action) -> dict[str, Any]:
    """`does(action)`, of a route whose body is bytes."""
    found = does(action)
    found["openapi_extra"] |= _SENT
    return found


async def chunks_of(request: Request) -> AsyncIterator[bytes]:
    """The bytes of the body as far as they come; a client that goes away ends them."""
    with suppress(ClientDisconnect):
        async for chunk in request.stream():
            yield chunk
