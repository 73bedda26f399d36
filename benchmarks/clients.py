"""What a benchmark does as a client: waits for a server through the public proxy, runs a cell."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

Ask = Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]

POLL = 0.02
PATIENCE = 120.0


@dataclass(frozen=True)
class Moments:
    """One start: seconds from the POST, and when that was by the clock on the wall."""

    began: float
    api_ready: float
    first_cell: float


async def timed_start(ask: Ask, server: str, token: str) -> Moments:
    """Send the request that `ask` sends, and wait for `server` (a URL with its last slash)."""
    async with client(token) as http, httpx.AsyncClient(trust_env=False) as stranger:
        began, start = time.time(), time.perf_counter()
        asked = asyncio.ensure_future(ask(http))
        await _answers(stranger, f"{server}api", asked)
        api_ready = time.perf_counter() - start
        await _run_cell(http, server)
        first_cell = time.perf_counter() - start
        accept(await asked)
    return Moments(began, api_ready, first_cell)


def client(token: str) -> httpx.AsyncClient:
    """A client that sends the token with every request."""
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.AsyncClient(headers=headers, timeout=PATIENCE, trust_env=False)


def accept(answer: httpx.Response) -> httpx.Response:
    """The answer itself, unless it is a refusal."""
    if answer.is_error:
        raise RuntimeError(f"{answer.request.url}: {answer.status_code} {answer.text}")
    return answer


async def _answers(
    http: httpx.AsyncClient, url: str, asked: asyncio.Future[httpx.Response]
) -> None:
    """Wait for 200; until then the proxy leads to the hub, which answers something else.

    Without a token, which `api` does not ask for: the hub would look it up at every turn.
    """
    async with asyncio.timeout(PATIENCE):
        while (await http.get(url)).status_code != httpx.codes.OK:
            if asked.done():
                accept(asked.result())
            await asyncio.sleep(POLL)


async def _run_cell(http: httpx.AsyncClient, server: str) -> None:
    made = await http.post(f"{server}api/kernels", json={"name": "python3"})
    kernel = accept(made).json()
    url = f"ws{server.removeprefix('http')}api/kernels/{kernel['id']}/channels"
    headers = {"Authorization": http.headers["Authorization"]}
    channel = await websocket_connect(HTTPRequest(url, headers=headers))
    request_id = uuid.uuid4().hex
    try:
        await channel.write_message(json.dumps(_execute_request("1+1", request_id)))
        async with asyncio.timeout(PATIENCE):
            while not _is_reply(await channel.read_message(), request_id):
                pass
    finally:
        channel.close()


def _execute_request(code: str, request_id: str) -> dict[str, Any]:
    header = {
        "msg_id": request_id,
        "msg_type": "execute_request",
        "session": uuid.uuid4().hex,
        "username": "benchmark",
        "version": "5.3",
    }
    content = {"code": code, "silent": False, "store_history": True}
    return {
        "channel": "shell",
        "header": header,
        "parent_header": {},
        "metadata": {},
        "content": content,
    }


def _is_reply(text: str | bytes | None, request_id: str) -> bool:
    if text is None:
        raise RuntimeError("The kernel's websocket was closed before the reply.")
    message = json.loads(text)
    if message["msg_type"] != "execute_reply":
        return False
    if message["parent_header"]["msg_id"] != request_id or message["content"]["status"] != "ok":
        raise RuntimeError(f"The kernel answered {message}")
    return True
