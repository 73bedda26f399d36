"""A real `jupyterhub-singleuser` of alice with the extension, and stand-ins for the hub's and
control's answers about who comes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import jupyterhub
import websocket
from tests.polling import eventually
from tests.ports import an_unused_port

from dsw.names import new_id

PREFIX = "/user/alice/train/"
SERVER_SCOPE = "access:servers!server=alice/train"
OWN_TOKEN = "instance"
TERMINAL = "terminals/websocket/1"


@dataclass
class Answers:
    """What hub and control say. Each token is its user's name; `access` is control's answer, or
    the status with which it refuses; `asked` counts how often it was asked. `told` is what the
    server told of its endpoints, and when; `deaf` is the status with which that is refused."""

    instance_id: str
    access: dict[str, str] | int = field(default_factory=dict)
    services: set[str] = field(default_factory=set)
    asked: int = 0
    told: list[tuple[float, Any]] = field(default_factory=list)
    deaf: int = 0

    def hear(self, path: str, token: str, body: Any) -> int:
        """The status of a PUT."""
        assert token == OWN_TOKEN
        if path != f"/services/dsw/api/instances/{self.instance_id}/endpoints":
            return 204
        if not self.deaf:
            self.told.append((time.monotonic(), body))
        return self.deaf or 204

    def to(self, path: str, token: str) -> tuple[int, Any]:
        """Status and body."""
        if path == "/hub/api/user":
            return (403, {}) if token == "nobody" else (200, self._user(token))
        if path == f"/services/dsw/api/instances/{self.instance_id}/visitors":
            assert token == OWN_TOKEN
            self.asked += 1
            if isinstance(self.access, int):
                return self.access, {"code": "x", "detail": "No."}
            return 200, {"access": self.access}
        return 200, {}

    def _user(self, token: str) -> dict[str, Any]:
        if token == OWN_TOKEN:
            scopes = [SERVER_SCOPE, "custom:dsw:instance!server=alice/train"]
            return {"kind": "user", "name": "alice", "scopes": scopes}
        kind = "service" if token in self.services else "user"
        return {"kind": kind, "name": token, "scopes": [SERVER_SCOPE]}


@dataclass
class VisitedServer:
    """The running server, and what it was last seen to have heard of control. All requests look as
    if they came through the proxy."""

    answers: Answers
    port: int
    home: Path
    process: subprocess.Popen[bytes]
    heard: dict[str, str] | int | None = None

    def ask(self, who: str, method: str, path: str, **content: Any) -> httpx.Response:
        """The answer to a request of somebody."""
        headers = {"Authorization": f"token {who}", "X-Forwarded-For": "10.1.2.3"}
        headers |= content.pop("headers", {})
        url = f"http://127.0.0.1:{self.port}{PREFIX}{path}"
        return httpx.request(method, url, headers=headers, trust_env=False, timeout=30, **content)

    def status(self, who: str, method: str, path: str, **content: Any) -> int:
        """The status of that answer."""
        return self.ask(who, method, path, **content).status_code

    def connect(self, who: str, path: str) -> websocket.WebSocket:
        """An open websocket; `WebSocketBadStatusException` when it is refused."""
        return websocket.create_connection(
            f"ws://127.0.0.1:{self.port}{PREFIX}{path}",
            header={"Authorization": f"token {who}", "X-Forwarded-For": "10.1.2.3"},
            timeout=30,
        )

    def terminal(self, who: str) -> websocket.WebSocket:
        """A websocket to the terminal `1`, which is made by alice where it is missing."""
        self.ask("alice", "POST", "api/terminals", json={"name": "1"})
        return self.connect(who, TERMINAL)


@contextmanager
def visited_server(folder: Path, **environ: str) -> Iterator[VisitedServer]:
    """The server, ended at the end."""
    answers = Answers(new_id("dsw"))
    with _standing(answers) as url:
        port, home = an_unused_port(), folder / "home"
        home.mkdir()
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("DSW_", "JUPYTER"))},
            "HOME": str(home),
            "DSW_CONTROL_URL": f"{url}/services/dsw",
            "DSW_INSTANCE_ID": answers.instance_id,
            "JUPYTERHUB_API_TOKEN": OWN_TOKEN,
            "JUPYTERHUB_API_URL": f"{url}/hub/api",
            "JUPYTERHUB_CLIENT_ID": "jupyterhub-user-alice-train",
            "JUPYTERHUB_OAUTH_ACCESS_SCOPES": json.dumps([SERVER_SCOPE]),
            "JUPYTERHUB_OAUTH_SCOPES": json.dumps([SERVER_SCOPE]),
            "JUPYTERHUB_SERVICE_PREFIX": PREFIX,
            "JUPYTERHUB_SERVICE_URL": f"http://127.0.0.1:{port}{PREFIX}",
            "JUPYTERHUB_USER": "alice",
            **environ,
        }
        root = ["--allow-root"] if os.geteuid() == 0 else []
        command = [sys.executable, "-m", "jupyterhub.singleuser", *root]
        with (folder / "server.log").open("wb") as log:
            process = subprocess.Popen(command, env=environment, cwd=home, stderr=log)
        server = VisitedServer(answers, port, home, process)
        try:
            eventually(lambda: _answers(server), timeout=60, every=0.1)
            yield server
        finally:
            process.terminate()
            process.wait(30)


def _answers(server: VisitedServer) -> bool:
    assert server.process.poll() is None, "the server ended"
    try:
        return server.status("alice", "GET", "api/status") == 200
    except httpx.TransportError:
        return False


@contextmanager
def _standing(answers: Answers) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            token = (self.headers["Authorization"] or "").rpartition(" ")[2]
            status, body = answers.to(self.path, token)
            self.send_response(status)
            self.send_header("X-JupyterHub-Version", jupyterhub.__version__)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        do_POST = do_GET

        def do_PUT(self) -> None:
            token = (self.headers["Authorization"] or "").rpartition(" ")[2]
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(answers.hear(self.path, token, body))
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
