"""The extension inside `jupyterhub-singleuser`, started as an instance's entry point starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import jupyterhub
import pytest
from tests.polling import eventually
from tests.ports import an_unused_port

from dsw.names import new_id


@pytest.fixture
def hub_api() -> Iterator[str]:
    """As much of the hub's API as a server asks for while it starts: the version."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("X-JupyterHub-Version", jupyterhub.__version__)
            self.end_headers()
            self.wfile.write(b"{}")

        do_POST = do_GET

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/hub/api"
        server.shutdown()
        thread.join()


@pytest.fixture
def entry_point(tmp_path: Path) -> list[str]:
    code = (
        "import sys; from pathlib import Path; from dsw_server import entry; "
        "sys.exit(entry.main(sys.argv[2:], Path(sys.argv[1])))"
    )
    enabled = "--ServerApp.jpserver_extensions={'dsw_server': True, 'jupyterlab': False}"
    file = tmp_path / "run" / "environment"
    return [sys.executable, "-I", "-c", code, str(file), "jupyterhub-singleuser", enabled]


def test_a_server_of_the_hub_starts_answers_and_stops_as_control_expects(
    tmp_path: Path, hub_api: str, entry_point: list[str]
) -> None:
    service = f"http://127.0.0.1:{an_unused_port()}/user/alice/train/"
    environment = {
        "HOME": str(tmp_path / "home"),
        "DSW_INSTANCE_ID": new_id("dsw"),
        "JUPYTERHUB_API_TOKEN": "secret",
        "JUPYTERHUB_API_URL": hub_api,
        "JUPYTERHUB_CLIENT_ID": "jupyterhub-user-alice-train",
        "JUPYTERHUB_SERVICE_PREFIX": "/user/alice/train/",
        "JUPYTERHUB_SERVICE_URL": service,
        "JUPYTERHUB_USER": "alice",
    }
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "environment").write_text(json.dumps(environment))
    root = ["--allow-root"] if os.geteuid() == 0 else []
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([*entry_point, *root], stderr=log)
    try:
        answer = eventually(lambda: first_answer(process, service), timeout=60)
        assert answer.headers["Content-Security-Policy"].startswith("frame-ancestors 'self'")
        refused = httpx.get(f"{service}dsw/api/metrics", trust_env=False)
        assert refused.status_code == 403
    finally:
        process.terminate()
        assert process.wait(30) == 143


def first_answer(process: subprocess.Popen[bytes], service: str) -> httpx.Response | None:
    assert process.poll() is None, "the server ended"
    try:
        return httpx.get(f"{service}api", trust_env=False)
    except httpx.TransportError:
        return None
