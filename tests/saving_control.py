"""Something that answers in control's place, for one instance whose snapshot goes a known way."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from dsw.names import new_id

TOKEN = "token-of-the-instance"
INSTANCE, SNAPSHOT, IMAGE = new_id("dsw"), new_id("snap"), new_id("img")
MIB = 1024**2

COPYING = {
    "state": "Copying",
    "bytes_done": 512 * MIB,
    "bytes_total": 1024 * MIB,
    "rate": 128 * MIB,
    "seconds_left": 4,
}
SAVED = {
    "state": "Saved",
    "bytes_done": 1024 * MIB,
    "bytes_total": 1024 * MIB,
    "image_id": IMAGE,
    "frozen_ms": 210,
}
FAILED = {"state": "Failed", "message": "The disk is full."}
AWAY = {"status": 503, "code": "unavailable", "detail": "Control is being restarted."}
FORECAST = {
    "size": 3 * MIB,
    "entries": 12,
    "folders": [{"path": "/opt", "size": 3 * MIB, "entries": 12}],
    "packages": [{"manager": "pip", "name": "torch", "after": "2.9"}],
    "left_out": [{"path": "/root/.ssh", "reason": "it may hold credentials"}],
}


@dataclass
class SavingControl:
    """`steps` are what a snapshot is at each question; the last one stays. A step with `status` is
    answered as a problem."""

    url: str = ""
    name: str = "mine"
    steps: list[dict[str, Any]] = field(default_factory=lambda: [dict(COPYING), dict(SAVED)])
    calls: list[tuple[str, str, Any]] = field(default_factory=list)
    refusal: dict[str, Any] | None = None
    cancelled: bool = False

    @property
    def environ(self) -> dict[str, str]:
        """What an instance of this control has in its environment."""
        return {
            "DSW_CONTROL_URL": self.url,
            "DSW_INSTANCE_ID": INSTANCE,
            "JUPYTERHUB_API_TOKEN": TOKEN,
        }

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Status and body of one request below `/services/dsw/api`."""
        self.calls.append((method, path, body))
        if self.refusal:
            return self.refusal["status"], self.refusal
        if (method, path) == ("POST", f"/instances/{INSTANCE}/snapshots"):
            self.name = body["name"]
            return 202, self._view({"state": "Preparing"})
        if (method, path) == ("POST", f"/instances/{INSTANCE}/snapshots/forecast"):
            return 200, FORECAST
        if (method, path) == ("POST", f"/snapshots/{SNAPSHOT}/cancel"):
            self.cancelled = True
            return 202, self._view(self.steps[0])
        if (method, path) == ("GET", f"/snapshots/{SNAPSHOT}"):
            return self._next()
        return 404, {"status": 404, "code": "not_found", "detail": f"There is no {path}."}

    def _next(self) -> tuple[int, Any]:
        if self.cancelled:
            return 200, self._view({"state": "Cancelled"})
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        return (step["status"], step) if "status" in step else (200, self._view(step))

    def _view(self, step: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": SNAPSHOT,
            "instance_id": INSTANCE,
            "workspace_id": "ws-dddddddddddd",
            "owner": "alice",
            "name": self.name,
            "created_at": "2026-01-01T00:00:00Z",
            **step,
        }


@contextmanager
def saving_control() -> Iterator[SavingControl]:
    """One that answers over HTTP, to the instance's token alone."""
    control = SavingControl()
    with answering(control.answer) as control.url:
        yield control


@contextmanager
def answering(answer: Callable[[str, str, Any], tuple[int, Any]]) -> Iterator[str]:
    """The address of something that answers in control's place, to the instance's token alone."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            path = self.path.removeprefix("/services/dsw/api")
            status, content = 401, {"code": "not_authenticated", "detail": "Who are you?"}
            if self.headers["Authorization"] == f"Bearer {TOKEN}":
                status, content = answer(self.command, path, body)
            sent = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        do_POST = do_DELETE = do_GET

        def log_message(self, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/services/dsw"
        server.shutdown()
        thread.join()
