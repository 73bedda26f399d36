"""The door of an instance's server: what its owner, visitors and others may do, over HTTP."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
import websocket
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.serverapp import ServerApp
from tests.dsw_server.visited_server import OWN_TOKEN, TERMINAL, VisitedServer, visited_server
from tests.polling import eventually

from dsw.errors import Unavailable
from dsw_server.guard import INSIDE_ONLY, NOT_SHARED, VIEW_ONLY
from dsw_server.lately import FRESH, STALE
from dsw_server.viewing import may_view
from dsw_server.visitors import Visitors

NOTEBOOK = {
    "cells": [],
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}
LIMIT = 10
"""Seconds after which whoever lost access must be out of what was open."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VisitedServer]:
    with visited_server(tmp_path_factory.mktemp("visited")) as server:
        (server.home / "a.txt").write_text("text")
        (server.home / ".netrc").write_text("secret")
        (server.home / "book.ipynb").write_text(json.dumps(NOTEBOOK))
        yield server


@pytest.fixture
def server(running: VisitedServer) -> VisitedServer:
    """Shared with victor, who may look, and with freda, who may do all."""
    share(running, {"victor": "view", "freda": "full"})
    return running


def share(server: VisitedServer, access: dict[str, str] | int) -> None:
    """Control says this from now on, and the server has heard it."""
    if server.heard == server.answers.access == access:
        return
    server.answers.access = server.heard = access
    asked = server.answers.asked

    def heard() -> bool:
        server.status("somebody", "GET", "api")
        return server.answers.asked > asked

    eventually(heard, 2 * FRESH)


READS = [
    "lab",
    "lab/tree/book.ipynb",
    "api",
    "api/me",
    "api/status",
    "api/contents",
    "api/contents/a.txt",
    "api/contents/book.ipynb?content=1",
    "files/a.txt",
    "api/kernels",
    "api/sessions",
    "api/terminals",
    "api/kernelspecs",
    "lab/api/settings",
    "dsw/api/code",
    "dsw/api/metrics",
]


@pytest.mark.parametrize("path", READS)
def test_a_viewer_looks_at_pages_files_and_notebooks(server: VisitedServer, path: str) -> None:
    assert server.status("victor", "GET", path) == 200
    assert server.status("mallory", "GET", path) == 403
    assert server.status("nobody", "GET", path) in ((302, 403) if path != "api" else (200,))


CHANGES: list[tuple[str, str, Any]] = [
    ("POST", "api/terminals", {}),
    ("DELETE", "api/terminals/1", None),
    ("POST", "api/kernels", {"name": "python3"}),
    ("POST", "api/sessions", {"path": "x", "name": "x", "type": "notebook"}),
    ("PUT", "api/contents/a.txt", {"type": "file", "format": "text", "content": "changed"}),
    ("POST", "api/contents", {"type": "file"}),
    ("POST", "api/contents", {"copy_from": "a.txt"}),
    ("PATCH", "api/contents/a.txt", {"path": "b.txt"}),
    ("DELETE", "api/contents/a.txt", None),
    ("POST", "api/contents/a.txt/checkpoints", {}),
    ("POST", "api/contents/book.ipynb/trust", {}),
    ("PUT", "lab/api/settings/@jupyterlab/apputils-extension:themes", {"raw": "{}"}),
    ("PUT", "lab/api/workspaces/default", {"data": {}, "metadata": {"id": "default"}}),
    ("GET", "lab/api/extensions", None),
    ("POST", "lab/api/extensions", {"cmd": "install", "extension_name": "x"}),
    ("PATCH", "api/config/notebook", {}),
    ("POST", "api/shutdown", {}),
    ("POST", "api/events", {}),
    ("GET", "nbconvert/html/book.ipynb", None),
    ("POST", "nbconvert/html", {"content": NOTEBOOK, "name": "x"}),
    ("GET", "metrics", None),
    ("GET", "lsp/status", None),
    ("GET", "dsw/api/snapshots", None),
    ("POST", "dsw/api/snapshots", {"name": "mine"}),
    ("POST", "dsw/api/snapshots/forecast", {}),
    ("GET", "dsw/api/datasets", None),
    ("GET", "dsw/api/mounts", None),
    ("POST", "dsw/api/mounts", {"dataset": "imagenet"}),
    ("GET", "server-proxy/servers-info", None),
]


@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
def test_a_viewer_runs_and_changes_nothing(
    server: VisitedServer, method: str, path: str, body: Any
) -> None:
    answer = server.ask("victor", method, path, json=body)
    assert answer.status_code == 403
    assert VIEW_ONLY in answer.text
    assert (server.home / "a.txt").read_text() == "text"
    assert sorted(file.name for file in server.home.glob("[!.]*")) == ["a.txt", "book.ipynb"]
    assert server.ask("alice", "GET", "api/terminals").json() == []
    assert server.ask("alice", "GET", "api/kernels").json() == []


def test_hidden_files_are_shown_to_no_visitor(server: VisitedServer) -> None:
    for path in ("api/contents/.netrc", "files/.netrc", "api/contents/%2Enetrc", "files/%2Enetrc"):
        answer = server.ask("victor", "GET", path)
        assert answer.status_code in (403, 404), path
        assert "secret" not in answer.text


@pytest.fixture
def a_port() -> Iterator[int]:
    """A program of the owner that listens in the instance."""

    class Hello(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Hello) as program:
        thread = threading.Thread(target=program.serve_forever)
        thread.start()
        yield program.server_port
        program.shutdown()
        thread.join()


def test_a_viewer_reaches_no_port_behind_the_server(server: VisitedServer, a_port: int) -> None:
    assert server.ask("freda", "GET", f"proxy/{a_port}/").text == "hello"
    paths = (f"proxy/{a_port}/", f"proxy/absolute/{a_port}/", f"proxy/localhost:{a_port}/")
    for path in (*paths, f"lab/../proxy/{a_port}/", f"files/../proxy/{a_port}/"):
        answer = server.ask("victor", "GET", path)
        assert answer.status_code == 403, path
        assert "hello" not in answer.text


def refused(server: VisitedServer, who: str, path: str) -> bool:
    try:
        server.connect(who, path).close()
    except websocket.WebSocketBadStatusException as error:
        return error.status_code == 403
    return False


def test_only_full_access_opens_websockets(server: VisitedServer) -> None:
    server.terminal("alice").close()
    kernel = server.ask("alice", "POST", "api/kernels", json={"name": "python3"}).json()["id"]
    for path in (TERMINAL, f"api/kernels/{kernel}/channels", "api/events/subscribe", "lsp/ws/x"):
        assert refused(server, "victor", path), path
        assert refused(server, "mallory", path), path
    for path in (TERMINAL, f"api/kernels/{kernel}/channels"):
        server.connect("freda", path).close()
    actions = ("restart", "interrupt")
    for action in actions:
        assert server.status("victor", "POST", f"api/kernels/{kernel}/{action}") == 403
    assert server.status("victor", "DELETE", f"api/kernels/{kernel}") == 403
    assert server.status("freda", "DELETE", f"api/kernels/{kernel}") == 204
    assert server.status("freda", "DELETE", "api/terminals/1") == 204


def test_a_page_says_to_lab_not_to_start_kernels_for_a_viewer(server: VisitedServer) -> None:
    said = '"notebookStartsKernel": "false"'
    pages = {who: server.ask(who, "GET", "lab").text for who in ("alice", "freda", "victor")}
    assert [who for who, page in pages.items() if said in page] == ["victor"]


def test_others_are_refused_with_a_sentence(server: VisitedServer) -> None:
    server.answers.services.add("freda")
    try:
        for who in ("mallory", "Victor", "alice2"):
            assert server.ask(who, "GET", "api/contents").json()["message"] == NOT_SHARED
        page = server.ask("mallory", "GET", "lab")
        assert (page.status_code, "not shared with you" in page.text) == (403, True)
    finally:
        server.answers.services.discard("freda")


def test_a_service_of_the_hub_is_no_user_of_its_name(server: VisitedServer) -> None:
    server.answers.services |= {"carl", "alice3"}
    share(server, {"carl": "full"})
    assert server.ask("carl", "GET", "api/contents").json()["message"] == NOT_SHARED


def test_the_instances_own_token_is_of_no_use_outside(server: VisitedServer) -> None:
    answer = server.ask(OWN_TOKEN, "GET", "api/contents")
    assert (answer.status_code, answer.json()["message"]) == (403, INSIDE_ONLY)
    # With another, wrong, token beside it.
    url = f"api/contents?token={OWN_TOKEN}"
    assert server.status("nobody", "GET", url, headers={"Sec-Fetch-Mode": "websocket"}) == 403


def reads_until_cut(terminal: websocket.WebSocket) -> float:
    """Seconds after which the server ended it."""
    started = time.monotonic()
    terminal.settimeout(LIMIT)
    try:
        while terminal.recv():
            pass
    except (websocket.WebSocketConnectionClosedException, ConnectionError):
        pass
    finally:
        terminal.shutdown()
    return time.monotonic() - started


@pytest.mark.parametrize("left", [{}, {"freda": "view"}])
def test_an_open_terminal_is_cut_when_the_access_ends(
    server: VisitedServer, left: dict[str, str]
) -> None:
    others = server.terminal("alice")
    terminal = server.terminal("freda")
    terminal.send(json.dumps(["stdin", "echo of-freda\r"]))
    eventually(lambda: "of-freda" in terminal.recv())
    server.answers.access = left
    assert reads_until_cut(terminal) < LIMIT
    assert refused(server, "freda", TERMINAL)
    others.send(json.dumps(["stdin", "echo still-$((40 + 2))\r"]))
    eventually(lambda: "still-42" in others.recv())
    others.close()
    server.ask("alice", "DELETE", "api/terminals/1")


def test_what_a_cut_client_still_sends_is_not_done(server: VisitedServer) -> None:
    terminal = server.terminal("freda")
    server.answers.access = {}
    flag = server.home / "flag"
    deadline = time.monotonic() + LIMIT
    ended = False
    while time.monotonic() < deadline and not ended:
        try:
            terminal.send(json.dumps(["stdin", ""]))
        except (OSError, websocket.WebSocketException):
            ended = True
    assert ended
    with pytest.raises((OSError, websocket.WebSocketException)):
        terminal.send(json.dumps(["stdin", f"touch {flag}\r"]))
    terminal.shutdown()
    assert not flag.exists()


class Endless(BaseHTTPRequestHandler):
    """Never stops answering."""

    pause = threading.Event()

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"data: x\n\n")
                self.pause.wait(0.05)
        except OSError:
            pass

    def log_message(self, *args: Any) -> None:
        pass


def test_an_answer_without_end_is_cut_too(server: VisitedServer) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Endless) as program:
        thread = threading.Thread(target=program.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.port}/user/alice/train/proxy/{program.server_port}/"
        headers = {"Authorization": "token freda", "Accept": "text/event-stream"}
        with httpx.stream("GET", url, headers=headers, timeout=LIMIT, trust_env=False) as answer:
            parts = answer.iter_raw()
            assert b"data" in next(parts)
            server.answers.access = {}
            with pytest.raises(httpx.TransportError):
                list(parts)
        program.shutdown()
        thread.join()


def test_without_control_nobody_but_the_owner_gets_in(server: VisitedServer) -> None:
    server.answers.access = 503
    answer = eventually(
        lambda: _not(server.ask("freda", "GET", "api/contents"), 200), STALE + 2 * FRESH
    )
    assert answer.status_code == 503
    assert "Control does not say" in answer.json()["message"]
    assert server.status("alice", "GET", "api/contents") == 200


def _not(answer: Any, status: int) -> Any:
    return answer if answer.status_code != status else None


@pytest.mark.parametrize("status", [401, 403, 404])
def test_when_control_refuses_the_instance_all_shares_have_ended(
    server: VisitedServer, status: int
) -> None:
    share(server, status)
    assert server.ask("freda", "GET", "api/contents").json()["message"] == NOT_SHARED


def test_control_hears_that_the_server_asks_before_anybody_comes(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with visited_server(tmp_path_factory.mktemp("lonely")) as lonely:
        eventually(lambda: lonely.answers.asked == 1, 4 * FRESH)


def test_an_owner_alone_costs_control_nothing(server: VisitedServer) -> None:
    looked: list[int] = []

    def settled() -> bool:
        server.status("alice", "GET", "api/contents")
        looked.append(server.answers.asked)
        return looked[-2:] == [looked[-1]] * 2

    eventually(settled, 30, every=2 * FRESH)


@pytest.mark.parametrize(
    "path",
    [
        "/api/kernels/x/channels",
        "/api/kernels/x/restart",
        "/terminals/websocket/1",
        "/api/events/subscribe",
        "/proxy/8888/",
        "/proxy/8888/files/a.txt",
        "//proxy/8888/",
        "/labs",
        "/lab/api/build",
        "/filesystem",
        "/api/contents/../kernels",
        "/api/contentsx",
        "/vscode/",
        "/ssh",
        "api/contents",
        "",
    ],
)
def test_what_is_not_listed_is_not_for_viewers(path: str) -> None:
    # The one with dots is answered by the handler of contents, which refuses it.
    assert may_view("GET", path) is (path == "/api/contents/../kernels")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "get", "PROPFIND"])
def test_only_reading_is_for_viewers(method: str) -> None:
    assert may_view("GET", "/api/contents/a.txt")
    assert may_view("HEAD", "/api/contents/a.txt")
    assert not may_view(method, "/api/contents/a.txt")


def test_every_handler_of_the_server_asks_who_comes(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """The door stands in `JupyterHandler`; what goes round it must be public anyway, or have a door
    of its own: SSH's tickets."""
    public = {"TrailingSlashHandler", "PublicStaticFileHandler"}
    own_door = {"SshHandler"}
    app = ServerApp(root_dir=str(tmp_path_factory.mktemp("handlers")))
    app.initialize([])
    handlers = {
        rule.target
        for router in (app.web_app.wildcard_router, app.web_app.default_router)
        for outer in router.rules
        for rule in (outer.target.rules if hasattr(outer.target, "rules") else [outer])
        if isinstance(rule.target, type)
    }
    assert len(handlers) > 40
    around = {one.__name__ for one in handlers if not issubclass(one, JupyterHandler)}
    assert around <= public | own_door


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_an_answer_holds_for_a_while_and_longer_when_control_is_away() -> None:
    clock, answers = Clock(), [{"access": {"bob": "view"}}]

    async def ask() -> Any:
        if not answers:
            raise Unavailable("gone")
        return answers.pop(0)

    visitors = Visitors(ask, clock)
    assert await visitors.access("bob") == "view"
    clock.now += STALE - 1
    assert await visitors.access("bob") == "view"
    clock.now += 1
    with pytest.raises(Unavailable):
        await visitors.access("bob")
    answers.append({"access": {"bob": "full"}})
    assert await visitors.access("bob") == "full"
    answers.append({"unexpected": 1})
    clock.now += FRESH
    assert await visitors.access("bob") is None
