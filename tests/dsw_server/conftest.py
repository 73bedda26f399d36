"""A real Jupyter server with the extension, and something that answers in control's place."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests.data_control import DataDesk
from tests.polling import eventually
from tests.ports import an_unused_port

import dsw_server
from dsw.names import new_id

if TYPE_CHECKING:
    from playwright.sync_api import Page

# Fresh ids: whoever stops instances on this machine meanwhile must not take these for theirs.
INSTANCE = new_id("dsw")
OWN, FOREIGN, IMAGE = new_id("snap"), new_id("snap"), new_id("img")
CONTROL_TOKEN = "token-for-control"
JUPYTER_TOKEN = "token-for-jupyter"
BUILT = Path(dsw_server.__file__).with_name("labextension")


def snapshot(snapshot_id: str, instance_id: str = INSTANCE, **values: Any) -> dict[str, Any]:
    """A SnapshotView as control sends it."""
    return {
        "id": snapshot_id,
        "instance_id": instance_id,
        "workspace_id": "ws-dddddddddddd",
        "owner": "alice",
        "name": "mine",
        "state": "Copying",
        "bytes_done": 5,
        "bytes_total": 10,
        "created_at": "2026-01-01T00:00:00Z",
        **values,
    }


FORECAST: dict[str, Any] = {
    "size": 1_500_000_000,
    "entries": 31_234,
    "since": None,
    "folders": [
        {"path": "/opt/venv/lib", "size": 1_200_000_000, "entries": 28_000},
        {"path": "/usr/local/cuda", "size": 250_000_000, "entries": 3_000},
    ],
    "packages": [
        {"manager": "pip", "name": "torch", "before": None, "after": "2.9.0"},
        {"manager": "pip", "name": "numpy", "before": "2.1.0", "after": "2.3.4"},
        {"manager": "apt", "name": "nano", "before": "7.2", "after": None},
    ],
    "left_out": [{"path": "/root/.ssh", "reason": "it may hold credentials"}],
    "more_left_out": 3,
    "refused": [],
    "seconds": 0.8,
}
REPORT: dict[str, Any] = {
    "image_id": IMAGE,
    "snapshot_id": OWN,
    "report": {
        "frozen_ms": 210,
        "left_out": [{"path": "/root/.ssh", "reason": "it may hold credentials"}],
        "more_left_out": 3,
        "findings": [{"path": "/opt/app/settings.py", "line": 12, "kind": "AWS access key"}],
        "changes": FORECAST["packages"],
    },
    "restore": {"image_digest": "", "base_digest": "", "workspace_id": "ws-x", "spec": "small"},
}


@dataclass
class StandInControl:
    """Speaks control's contract for one instance, so that the forwarding is tested over HTTP."""

    url: str = ""
    calls: list[tuple[str, str, Any]] = field(default_factory=list)
    refusal: tuple[int, bytes] | None = None
    progress: dict[str, Any] = field(default_factory=dict)
    forecast: dict[str, Any] = field(default_factory=lambda: dict(FORECAST))
    report: dict[str, Any] = field(default_factory=lambda: dict(REPORT))
    may_forecast: threading.Event = field(default_factory=threading.Event)
    data: DataDesk = field(default_factory=lambda: DataDesk(INSTANCE))

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Status and body of one request below `/services/dsw/api`."""
        self.calls.append((method, path, body))
        if self.refusal:
            return self.refusal
        if path.endswith("/forecast"):
            self.may_forecast.wait(30)
        if method == "GET" and path == f"/snapshots/{OWN}":
            return 200, snapshot(OWN, **self.progress)
        routes: dict[tuple[str, str], tuple[int, Any]] = {
            ("GET", f"/instances/{INSTANCE}"): (
                200,
                {"id": INSTANCE, "name": "train", "display_name": "Training"},
            ),
            ("GET", f"/snapshots?instance={INSTANCE}"): (
                200,
                {"items": [snapshot(OWN, **self.progress)], "next": None},
            ),
            ("GET", f"/snapshots/{FOREIGN}"): (200, snapshot(FOREIGN, new_id("dsw"))),
            ("POST", f"/instances/{INSTANCE}/snapshots"): (202, snapshot(OWN, state="Preparing")),
            ("POST", f"/instances/{INSTANCE}/snapshots/forecast"): (200, self.forecast),
            ("GET", f"/images/{IMAGE}/report"): (200, self.report),
            ("POST", f"/snapshots/{OWN}/cancel"): (200, snapshot(OWN, state="Cancelled")),
        }
        if path.startswith(("/datasets", f"/instances/{INSTANCE}/mounts")):
            return self.data.answer(method, path, body)
        missing = {"code": "not_found", "detail": f"There is no {path}.", "status": 404}
        return routes.get((method, path), (404, missing))


@pytest.fixture(scope="module")
def standing_control() -> Iterator[StandInControl]:
    stand_in = StandInControl()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            authorized = self.headers["Authorization"] == f"Bearer {CONTROL_TOKEN}"
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            path = self.path.removeprefix("/services/dsw/api")
            problem = {"code": "not_authenticated", "detail": "Who are you?"}
            answer = stand_in.answer(self.command, path, body) if authorized else (401, problem)
            status, content = answer
            self.send_response(status)
            self.end_headers()
            self.wfile.write(
                content if isinstance(content, bytes) else json.dumps(content).encode()
            )

        do_POST = do_DELETE = do_GET

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        stand_in.url = f"http://127.0.0.1:{server.server_port}/services/dsw"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield stand_in
        server.shutdown()
        thread.join()


@pytest.fixture
def control(standing_control: StandInControl) -> StandInControl:
    """Control as each test finds it: nothing was asked yet, and it refuses nothing."""
    standing_control.calls.clear()
    standing_control.refusal = None
    standing_control.progress = {}
    standing_control.forecast, standing_control.report = dict(FORECAST), dict(REPORT)
    standing_control.may_forecast.set()
    standing_control.data = DataDesk(INSTANCE)
    return standing_control


@dataclass
class Server:
    """A running Jupyter server; `client` sends its token."""

    process: subprocess.Popen[bytes]
    base_url: str
    client: httpx.Client

    def stranger(self) -> httpx.Client:
        """A client without any credential; the caller closes it."""
        return httpx.Client(base_url=self.base_url, trust_env=False, timeout=30)


@pytest.fixture(scope="module")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Starts `jupyter server` (or Lab) with these variables; all are stopped at the end."""
    started: list[Server] = []

    def start(lab: bool = False, **environ: str) -> Server:
        server = _launch(tmp_path_factory.mktemp("server"), environ, lab)
        started.append(server)
        eventually(lambda: _answers(server), timeout=60, every=0.1)
        return server

    yield start
    for server in started:
        server.client.close()
        server.process.terminate()
        server.process.wait(20)


def _launch(folder: Path, environ: dict[str, str], lab: bool) -> Server:
    port = an_unused_port()
    base_url = f"http://127.0.0.1:{port}/user/alice/train/"
    foreign = re.compile("DSW_|JUPYTER")
    clean = {key: value for key, value in os.environ.items() if not foreign.match(key)}
    # Extensions that happen to be installed here would only make the start slower.
    unused = ("jupyter_lsp", "notebook_shim", "jupyter_server_proxy")
    enabled = {"dsw_server": True, "jupyterlab": lab, **dict.fromkeys(unused, False)}
    command = [
        *(sys.executable, "-m", "jupyter_server", "--allow-root", "--no-browser"),
        *(f"--port={port}", "--port-retries=0", f"--ServerApp.root_dir={folder}"),
        "--ServerApp.base_url=/user/alice/train/",
        f"--ServerApp.jpserver_extensions={enabled}",
    ]
    own = {"JUPYTER_TOKEN": JUPYTER_TOKEN, "JUPYTER_CONFIG_DIR": str(folder), **environ}
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, env={**clean, **own}, stderr=log)
    headers = {"Authorization": f"token {JUPYTER_TOKEN}"}
    client = httpx.Client(base_url=base_url, headers=headers, trust_env=False, timeout=30)
    return Server(process, base_url, client)


def _answers(server: Server) -> bool:
    assert server.process.poll() is None, "the server ended"
    try:
        return server.client.get("api").status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def server(start_server: Callable[..., Server], standing_control: StandInControl) -> Server:
    """A server that was started as this instance."""
    return start_server(
        DSW_CONTROL_URL=standing_control.url,
        DSW_INSTANCE_ID=INSTANCE,
        JUPYTERHUB_API_TOKEN=CONTROL_TOKEN,
    )


@pytest.fixture(scope="module")
def lab(
    start_server: Callable[..., Server],
    standing_control: StandInControl,
    tmp_path_factory: pytest.TempPathFactory,
) -> Server:
    """JupyterLab with the extension, as behind a hub whose prefix is /base/hub/."""
    assert (BUILT / "package.json").exists(), "Build the extension first: scripts/build-js"
    data, config = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("config")
    # A copy: the build empties its output folder while it works.
    shutil.copytree(BUILT, data / "labextensions" / "jupyterhub-dsw")
    (config / "labconfig").mkdir()
    news = {"@jupyterlab/apputils-extension:announcements": True}
    page = {"hubPrefix": "/base/hub/", "disabledExtensions": news}
    (config / "labconfig" / "page_config.json").write_text(json.dumps(page))
    return start_server(
        lab=True,
        JUPYTER_PATH=str(data),
        JUPYTER_CONFIG_DIR=str(config),
        DSW_CONTROL_URL=standing_control.url,
        DSW_INSTANCE_ID=INSTANCE,
        JUPYTERHUB_API_TOKEN=CONTROL_TOKEN,
    )


@pytest.fixture
def page() -> Iterator[Page]:
    """A window of a browser in which nobody is logged in."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        )
        yield browser.new_page(viewport={"width": 1200, "height": 760})
        browser.close()


def open_lab(page: Page, lab: Server) -> None:
    """Open Lab in a fresh workspace, and wait until it can be used."""
    from playwright.sync_api import expect

    page.goto(f"{lab.base_url}lab?token={JUPYTER_TOKEN}&reset")
    expect(page.locator(".dsw-ResourceStatus")).to_contain_text("CPU", timeout=90_000)
    expect(page.locator("#jupyterlab-splash")).to_have_count(0, timeout=60_000)
