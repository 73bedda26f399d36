"""A small control over real HTTP: answers plans as a test says, and keeps the reports."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.polling import eventually

from dsw.errors import DswError
from dsw.events import Phase, PhaseReport
from dsw.plan import LaunchPlan, PlanRequest

Planner = Callable[[PlanRequest], LaunchPlan]


class FakeControl:
    """`planner` makes the plans; what it raises is answered as control would."""

    def __init__(self, host: str, port: int, token: str) -> None:
        self.address = (host, port)
        self.token = token
        self.planner: Planner | None = None
        self.reports: list[tuple[str, PhaseReport]] = []
        self.requests: list[PlanRequest] = []
        self.down = False
        self._server: ThreadingHTTPServer | None = None
        self.start()

    def start(self) -> None:
        """Listen."""
        control = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, answer = control.answer(self.path, self.headers["Authorization"], body)
                self.send_response(status)
                payload = json.dumps(answer).encode() if answer is not None else b""
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(self.address, Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Listen no more: the next connection is refused."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def answer(self, path: str, authorization: str, body: bytes) -> tuple[int, Any]:
        """Status and JSON for a request."""
        if authorization != f"Bearer {self.token}":
            return 401, {"code": "not_authenticated", "detail": "no"}
        if path == "/internal/plans":
            request = PlanRequest.model_validate_json(body)
            self.requests.append(request)
            try:
                assert self.planner
                return 200, self.planner(request).model_dump(mode="json")
            except DswError as error:
                return error.status, error.problem()
        instance_id = path.removeprefix("/internal/instances/").removesuffix("/reports")
        self.reports.append((instance_id, PhaseReport.model_validate_json(body)))
        return 204, None

    def phases(self, instance_id: str) -> list[Phase]:
        """The phases reported so far, each run of equal ones once."""
        phases = [report.phase for name, report in self.reports if name == instance_id]
        return [p for i, p in enumerate(phases) if i == 0 or phases[i - 1] is not p]

    def wait_for(self, instance_id: str, phase: Phase, timeout: float = 30) -> PhaseReport:
        """The newest report of this phase, as soon as there is one."""

        def found() -> PhaseReport | None:
            for name, report in reversed(self.reports):
                if name == instance_id and report.phase is phase:
                    return report
            return None

        return eventually(found, timeout)  # type: ignore[return-value]
