"""Tokens in a websocket's URL, as desktop VS Code's Jupyter extension sends them.

JupyterHub takes `?token=` from browsers' websockets only, which say so in `Sec-Fetch-Mode`. Pages
with a token in their URL stay refused: those end up in histories and are sent on as referrers.
"""

from __future__ import annotations

from typing import Any

from tornado.websocket import WebSocketHandler


def accept_url_tokens(hub_auth: Any) -> None:
    """Let this HubAuth read a token from the URL of every websocket. `AttributeError` when this
    JupyterHub has no such reader."""
    read = hub_auth._get_token_url

    def read_of_websockets(handler: Any) -> str:
        if opens_websocket(handler):
            return str(handler.get_argument("token", ""))
        return str(read(handler))

    hub_auth._get_token_url = read_of_websockets


def opens_websocket(handler: Any) -> bool:
    """Whether a request can become nothing but a websocket. The header alone does not say so: it
    may also be sent to pages."""
    upgrade = handler.request.headers.get("Upgrade", "").lower()
    return isinstance(handler, WebSocketHandler) and upgrade == "websocket"
