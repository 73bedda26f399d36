"""A workbench as the SSH proxy sees it: tickets and a real websocket server on one port."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from tests.polling import eventually
from tests.ports import an_unused_port

from dsw import ssh_proxy

TICKET = "the-ticket"
TOKEN = "the-token"
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGrw"
READY = {
    "instance_id": "dsw-aaaabbbbcccc",
    "name": "train",
    "owner": "alice",
    "display_name": "Train",
    "state": "Running",
    "message": "",
    "percent": None,
    "url": "/user/alice/train/",
    "host": {"user": "dsw", "host_key": HOST_KEY},
    "ticket": TICKET,
}

Session = Callable[[WebSocket], Coroutine[Any, Any, None]]


async def echo(session: WebSocket) -> None:
    """Sends back what comes."""
    while True:
        await session.send_bytes(await session.receive_bytes())


class World:
    """Control and one instance. `answers` are given in turn, the last one for ever."""

    def __init__(self, session: Session = echo) -> None:
        self.answers: list[tuple[int, Any]] = [(200, READY)]
        self.session = session
        self.asked: list[dict[str, Any]] = []
        self.tokens: list[str] = []
        self.opened: list[dict[str, str]] = []
        self.ended = 0
        self.url = ""

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/services/dsw/api/ssh/tickets", self._ticket, methods=["POST"]),
                WebSocketRoute("/user/alice/train/dsw/ssh", self._socket),
            ]
        )

    async def _ticket(self, request: Request) -> Response:
        self.asked.append(await request.json())
        self.tokens.append(request.headers["authorization"])
        status, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(body, str):
            return Response(body, status)
        return JSONResponse(body, status)

    async def _socket(self, session: WebSocket) -> None:
        self.opened.append(dict(session.headers))
        if session.headers.get("x-dsw-ticket") != TICKET:
            body = JSONResponse({"message": "This ticket is not good."}, 403)
            await session.send_denial_response(body)
            return
        await session.accept()
        try:
            await self.session(session)
        except (WebSocketDisconnect, asyncio.CancelledError):
            pass
        finally:
            self.ended += 1

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-IS", str(Path(ssh_proxy.__file__)), *words]

    def environment(self, **more: str) -> dict[str, str]:
        """Where and who; nothing of this machine's proxies."""
        found = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        return {**found, "DSW_URL": self.url, "DSW_TOKEN": TOKEN, **more}

    def start(self, *words: str, **more: str) -> subprocess.Popen[bytes]:
        """The proxy as a process; without words to `train`."""
        return subprocess.Popen(
            self.command(*(words or ("train",))),
            env=self.environment(**more),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def refused(self, *words: str, **more: str) -> str:
        """The one sentence with which it must end."""
        out, err = self.start(*words, **more).communicate(timeout=30)
        said = err.decode()
        assert out == b""
        assert said.startswith("dsw: "), said
        assert said.count("\n") == 1
        return " ".join(said.split())


@contextmanager
def running(world: World, **tls: Any) -> Iterator[World]:
    """The world, being served."""
    port = an_unused_port()
    config = uvicorn.Config(
        world.app(),
        host="127.0.0.1",
        port=port,
        log_config=None,
        ws="websockets-sansio",
        ws_max_size=1 << 26,
        ws_ping_interval=0.2,
        timeout_graceful_shutdown=1,
        **tls,
    )
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    world.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    try:
        assert eventually(lambda: server.started, 30)
        yield world
    finally:
        with suppress(AssertionError):
            # Those who are just leaving; uvicorn fails on them when it ends.
            eventually(lambda: not server.server_state.connections, 5)
        server.should_exit = True
        thread.join(30)
