"""A notebook's kernel in an instance, over its websocket through the proxy, as Lab talks to it."""

from __future__ import annotations

import contextlib
import json
import uuid
from types import TracebackType
from typing import Any, Self

import websocket
from tests.workbenches import User

ANSWER_SECONDS = 60


class Kernel:
    """One running kernel; what a cell defines stays for the next."""

    def __init__(self, user: User, item: Any) -> None:
        made = user.server(item, "api/kernels", "POST", json={"name": "python3"})
        assert made.status_code == 201, made.text
        self._user = user
        self._item = item
        self._path = f"api/kernels/{made.json()['id']}"

    def run(self, code: str, timeout: float = ANSWER_SECONDS) -> str:
        """What the cell printed; `AssertionError` with its traceback when it raised."""
        # A connection for each: an idle one would have to answer the server's pings.
        base = f"ws{self._user.workbench.url.removeprefix('http')}{self._item['url']}"
        headers = [f"Authorization: Bearer {self._user.token}"]
        url = f"{base}{self._path}/channels"
        channel = websocket.create_connection(url, header=headers, timeout=timeout)
        with contextlib.closing(channel):
            return _run(channel, code)

    def close(self) -> None:
        """End it."""
        self._user.server(self._item, self._path, "DELETE")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _run(channel: websocket.WebSocket, code: str) -> str:
    asked = uuid.uuid4().hex
    channel.send(json.dumps(_request(code, asked)))
    printed = ""
    while True:
        message = json.loads(channel.recv())
        content = message["content"]
        if message["parent_header"].get("msg_id") != asked:
            continue
        if message["msg_type"] == "stream":
            printed += content["text"]
        if message["msg_type"] == "error":
            raise AssertionError("\n".join(content["traceback"]))
        # The shell's reply may overtake what the cell printed; this comes behind it.
        if message["msg_type"] == "status" and content["execution_state"] == "idle":
            return printed.strip()


def _request(code: str, message_id: str) -> dict[str, Any]:
    header = {
        "msg_id": message_id,
        "msg_type": "execute_request",
        "session": uuid.uuid4().hex,
        "username": "tests",
        "version": "5.3",
    }
    content = {"code": code, "silent": False, "store_history": True, "stop_on_error": False}
    return {
        "channel": "shell",
        "header": header,
        "parent_header": {},
        "metadata": {},
        "content": content,
    }
