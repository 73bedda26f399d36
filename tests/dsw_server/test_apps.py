"""Apps and ports behind a real server: what reaches them, what comes back, who may, what fails."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import websocket
from tests.dsw_server import stand_in_app
from tests.dsw_server.visited_server import PREFIX, VisitedServer, visited_server
from tests.polling import eventually
from tests.ports import an_unused_port

from dsw.apps import App
from dsw_server.apps_headers import own_cookie
from dsw_server.guard import NOT_SHARED, VIEW_ONLY

PROGRAM = [sys.executable, stand_in_app.__file__]
COOKIES = {
    "jupyterhub-user-alice-train": "secret-1",
    "__Host-jupyterhub-user-alice-train": "secret-2",
    "jupyterhub-session-id": "secret-3",
    "_xsrf": "secret-4",
    "__Host-_xsrf": "secret-5",
    "dsw-session": "secret-6",
    "username-127-0-0-1-8888": "secret-7",
    "mine": "kept",
    "_streamlit_xsrf": "kept-too",
}
COOKIE = "; ".join(f"{name}={value}" for name, value in COOKIES.items())
KEPT = "mine=kept; _streamlit_xsrf=kept-too"


def app(name: str, *arguments: str, **more: Any) -> dict[str, Any]:
    """A declared app, as control hands it over."""
    command = [*PROGRAM, *(arguments or ("--port={port}",))]
    fields = {"name": name, "title": name.title(), "command": command, **more}
    return App.model_validate(fields).model_dump()


APPS = [
    app("echo", environment={"BASE": "{base_url}", "BRACES": "{{}}"}, path="start?a=1"),
    app("ec"),
    app("l"),
    app("socket", "--socket={unix_socket}", unix_socket=True),
    app("whole", absolute=True),
    app("strict", "--port={port}", "--host-check", local_origin=True),
    app("careful", "--port={port}", "--host-check"),
    app("dies", "--die=7", "--port={port}"),
    app("slow", "--delay=60", "--port={port}", timeout=1),
    app("lazy", "--delay=0.5", "--port={port}"),
    app("brittle"),
    {**app("missing"), "command": ["no-such-program"]},
    {**app("broken"), "command": ["/etc/passwd"]},
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VisitedServer]:
    folder = tmp_path_factory.mktemp("apps")
    (folder / "apps").write_text(json.dumps(APPS))
    with visited_server(folder, DSW_APPS_FILE=str(folder / "apps")) as server:
        server.answers.access = {"victor": "view", "freda": "full"}
        yield server


@pytest.fixture(scope="module")
def a_port() -> Iterator[int]:
    """A program of the owner that listens in the instance."""
    port = an_unused_port()
    program = subprocess.Popen([*PROGRAM, f"--port={port}"])
    eventually(lambda: answers(port), timeout=30)
    yield port
    program.terminate()
    program.wait(10)


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/", trust_env=False).is_success
    except httpx.TransportError:
        return False


def echoed(server: VisitedServer, path: str, who: str = "alice", **more: Any) -> dict[str, Any]:
    """What the program saw of a request."""
    answer = server.ask(who, more.pop("method", "GET"), path, **more)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_an_app_starts_when_it_is_first_opened_and_sees_its_own_path(
    server: VisitedServer,
) -> None:
    seen = echoed(server, "echo/deep/er?x=%20a&y=b%2Fc")
    assert seen["uri"] == "/deep/er?x=%20a&y=b%2Fc"
    assert seen["headers"]["x-forwarded-prefix"] == f"{PREFIX}echo"
    assert echoed(server, "whole/deep")["uri"] == f"{PREFIX}whole/deep"
    assert echoed(server, "socket/deep")["uri"] == "/deep"
    assert echoed(server, "lazy/")["uri"] == "/"


def test_an_app_takes_no_path_but_its_own(server: VisitedServer) -> None:
    assert echoed(server, "ec/")["headers"]["x-forwarded-prefix"] == f"{PREFIX}ec"
    assert echoed(server, "echo/")["headers"]["x-forwarded-prefix"] == f"{PREFIX}echo"
    assert "JupyterLab" in server.ask("alice", "GET", "lab").text
    assert server.ask("alice", "GET", "echoes").status_code == 404
    moved = server.ask("alice", "GET", "echo?x=1")
    assert (moved.status_code, moved.headers["location"]) == (302, f"{PREFIX}echo/?x=1")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_every_method_and_its_body_reach_the_program(
    server: VisitedServer, a_port: int, method: str
) -> None:
    for path in ("echo/x", f"proxy/{a_port}/x"):
        seen = echoed(server, path, method=method, content=b"the body")
        assert (seen["method"], seen["body"]) == (method, "the body")


def test_a_head_keeps_the_length_that_the_program_told(server: VisitedServer) -> None:
    assert server.ask("alice", "HEAD", "echo/").headers["content-length"] == "12345"


@pytest.mark.parametrize("path", ["echo/", "socket/", "proxy/{}/", "proxy/localhost:{}/"])
@pytest.mark.parametrize("accept", ["*/*", "text/event-stream"])
def test_what_opens_the_server_does_not_reach_the_program(
    server: VisitedServer, a_port: int, path: str, accept: str
) -> None:
    for who in ("alice", "freda"):
        headers = {"Cookie": COOKIE, "Accept": accept}
        seen = echoed(server, path.format(a_port), who, headers=headers)
        assert seen["headers"]["cookie"] == KEPT
        assert "authorization" not in seen["headers"]
        assert "secret" not in str(seen)


@pytest.mark.parametrize("path", ["echo/socket", "socket/socket", "proxy/{}/socket"])
def test_nor_by_a_websocket_which_carries_text_and_bytes(
    server: VisitedServer, a_port: int, path: str
) -> None:
    url = f"ws://127.0.0.1:{server.port}{PREFIX}{path.format(a_port)}"
    for how in ({"header": {"Authorization": "token alice"}}, {}):
        to = url if how else f"{url}?token=alice&kept=1"
        opened = websocket.create_connection(to, cookie=COOKIE, timeout=30, **how)
        headers = json.loads(opened.recv())
        assert headers["cookie"] == KEPT
        assert "authorization" not in headers
        opened.send("text")
        assert opened.recv() == "text"
        opened.send_binary(b"\0\xff")
        assert opened.recv() == b"\0\xff"
        opened.close()


def test_a_token_in_the_address_stays_here_and_the_rest_of_it_goes_on(
    server: VisitedServer, a_port: int
) -> None:
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Authorization": ""}
    url = f"proxy/{a_port}/x?a=1&token=alice&b=2"
    # No websocket there: what it was asked is in its log, and in the refusal of the handshake.
    answer = server.ask("nobody", "GET", url, headers=headers)
    assert answer.status_code != 200
    seen = echoed(server, f"proxy/{a_port}/x?token=of-the-app&b=2")
    assert seen["uri"] == "/x?token=of-the-app&b=2", "by a header they came in: this is the app's"


def test_an_app_keeps_its_own_way_to_authorize(server: VisitedServer, a_port: int) -> None:
    basic = {"Authorization": "Basic YTpi"}
    url = f"http://127.0.0.1:{server.port}{PREFIX}proxy/{a_port}/"
    assert httpx.get(url, headers=basic, trust_env=False).status_code in (302, 403)


def test_cookies_of_an_app_come_back_to_it_alone(server: VisitedServer, a_port: int) -> None:
    for path in (f"proxy/{a_port}", "echo", "whole", "socket"):
        answer = server.ask("alice", "GET", f"{path}/cookies")
        assert answer.text == "cookies"
        deep = "/" if path == "whole" else "/deep"
        assert answer.headers.get_list("set-cookie") == [
            f"mine=1; Path={PREFIX}{path}/",
            f"wide=1; HttpOnly; Path={PREFIX}{path}/",
            f"deep=1; Path={PREFIX}{path}{deep}",
        ]
        assert "service-worker-allowed" not in answer.headers
        assert "clear-site-data" not in answer.headers


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("a=1", "/u/app/"),
        ("a=1; path=/", "/u/app/"),
        ("a=1; PATH = /u/app/x", "/u/app/x"),
        ("a=1; Path=/u/apps", "/u/app/"),
        ("a=1; Path=/u/app", "/u/app"),
        ("a=1; Path=", "/u/app/"),
        ("a=1; Path=/; Path=/u", "/u/app/"),
    ],
)
def test_a_cookies_path_stays_within_an_app_that_knows_its_prefix(line: str, path: str) -> None:
    assert own_cookie(line, "/u/app", absolute=True) == f"a=1; Path={path}"


def test_a_large_answer_comes_whole(server: VisitedServer, a_port: int) -> None:
    url = f"http://127.0.0.1:{server.port}{PREFIX}proxy/{a_port}/big"
    headers = {"Authorization": "token alice"}
    size = 0
    with httpx.stream("GET", url, headers=headers, timeout=60, trust_env=False) as answer:
        assert answer.headers["content-length"] == str(stand_in_app.BIG)
        for chunk in answer.iter_raw():
            size += len(chunk)
    assert size == stand_in_app.BIG


@pytest.mark.parametrize("accept", ["text/event-stream", "*/*"])
@pytest.mark.parametrize("name", ["echo", "socket", "strict", "careful"])
def test_events_come_as_they_happen(server: VisitedServer, name: str, accept: str) -> None:
    url = f"http://127.0.0.1:{server.port}{PREFIX}{name}"
    headers = {"Authorization": "token alice", "Accept": accept}
    with httpx.stream(
        "GET", f"{url}/events", headers=headers, timeout=30, trust_env=False
    ) as answer:
        lines = answer.iter_lines()
        assert next(lines) == "data: one"
        httpx.get(f"{url}/next", headers=headers, trust_env=False)
        assert "data: two" in list(lines)


@pytest.mark.parametrize(
    ("kind", "leads"),
    [
        ("path", "{}/target?x=1"),
        ("relative", "target"),
        ("whole", "{}/target"),
        ("far", "https://example.com/target"),
    ],
)
def test_redirections_lead_to_where_the_browser_finds_them(
    server: VisitedServer, a_port: int, kind: str, leads: str
) -> None:
    for path in ("echo", "strict", f"proxy/{a_port}"):
        answer = server.ask("alice", "GET", f"{path}/elsewhere/{kind}")
        assert answer.headers["location"] == leads.format(f"{PREFIX}{path}")


def test_an_app_that_wants_localhost_gets_it(server: VisitedServer) -> None:
    public = {"Host": "dsw.example.com", "Origin": "https://dsw.example.com"}
    assert server.status("alice", "POST", "careful/", headers=public) == 403
    seen = echoed(server, "strict/", method="POST", headers=public)["headers"]
    assert seen["host"].startswith("localhost:")
    assert seen["origin"] == f"http://{seen['host']}"
    assert "origin" not in echoed(server, "strict/", headers={"Host": "x.org"})["headers"]


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254:80",
        "%31%36%39.254.169.254:80",
        "example.com:443",
        "0.0.0.0:{port}",
        "127.0.0.2:{port}",
        "127.1:{port}",
        "2130706433:{port}",
        "LOCALHOST.:{port}",
        "localhost.example.com:80",
        "localhost%00.example.com:80",
        "127.0.0.1%23@example.com:80",
        "hub:8081",
        "10.0.0.1:8081",
    ],
)
def test_no_other_host_is_reached(server: VisitedServer, a_port: int, host: str) -> None:
    for form in ("proxy/{}/", "proxy/absolute/{}/x"):
        path = form.format(host.format(port=a_port))
        answer = server.ask("alice", "GET", path, follow_redirects=True)
        assert answer.status_code in (403, 404), path
        if answer.status_code == 403:
            assert "Only programs in this instance" in answer.text
        with pytest.raises(websocket.WebSocketException):
            server.connect("alice", path)


def test_what_jupyter_is_configured_to_allow_does_not_matter(tmp_path: Path, a_port: int) -> None:
    config = tmp_path / "config"
    config.mkdir()
    allow = {"ServerProxy": {"host_allowlist": ["127.0.0.2", "example.com"]}}
    (config / "jupyter_server_config.json").write_text(json.dumps(allow))
    environ = {"JUPYTER_CONFIG_PATH": str(config), "DSW_APPS_FILE": str(tmp_path / "none")}
    with visited_server(tmp_path, **environ) as server:
        for host in ("127.0.0.2", "example.com"):
            assert server.status("alice", "GET", f"proxy/{host}:{a_port}/") == 403
        assert server.status("alice", "GET", f"proxy/127.0.0.1:{a_port}/") == 200
        # Without anything handed over there are no apps, and nothing fails.
        assert server.status("alice", "GET", "echo") == 404


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("proxy/{}/", 502, "Nothing listens on port {}"),
        ("proxy/absolute/{}/", 502, "Nothing listens on port {}"),
        ("proxy/localhost:{}/", 502, "Nothing listens on port {}"),
        ("proxy/0/", 400, "no such port"),
        ("proxy/65536/", 400, "no such port"),
        ("proxy/99999999999999999999/", 400, "no such port"),
        ("dies/", 502, "Dies ended with exit code 7 before it answered"),
        ("slow/", 502, "Slow did not answer within 1 seconds and was ended"),
        ("missing/", 502, "no program &#39;no-such-program&#39;"),
        ("broken/", 502, "not installed"),
    ],
)
@pytest.mark.parametrize("accept", ["text/html", "text/event-stream"])
def test_what_does_not_answer_is_told_in_a_sentence(
    server: VisitedServer, path: str, status: int, says: str, accept: str
) -> None:
    unused = an_unused_port()
    answer = server.ask("alice", "GET", path.format(unused), headers={"Accept": accept})
    assert answer.status_code == status
    assert says.format(unused) in answer.text
    assert "Traceback" not in answer.text
    assert says.partition(" ")[0] in ended(server, path.format(unused))


def ended(server: VisitedServer, path: str) -> str:
    """Why a websocket was refused or closed."""
    try:
        opened = server.connect("alice", path)
    except websocket.WebSocketBadStatusException as error:
        return error.resp_body.decode()
    code, data = opened.recv_data()
    opened.shutdown()
    assert code == websocket.ABNF.OPCODE_CLOSE
    return data[2:].decode()


def test_the_end_of_the_output_is_told(server: VisitedServer) -> None:
    assert "The end of its output:\nstarting --die=7" in server.ask("alice", "GET", "dies/").text


def test_a_program_that_cuts_the_connection_is_told(server: VisitedServer, a_port: int) -> None:
    answer = server.ask("alice", "GET", f"proxy/{a_port}/cut/before")
    assert answer.status_code == 502
    assert f"The program on port {a_port} gave no proper answer." in answer.text
    with pytest.raises(httpx.TransportError):
        server.ask("alice", "GET", f"proxy/{a_port}/cut/within")


@pytest.mark.parametrize("code", [0, 3])
def test_an_app_that_ended_starts_again_at_its_next_use(server: VisitedServer, code: int) -> None:
    assert server.status("alice", "GET", "brittle/") == 200
    first = pids("brittle")
    server.ask("alice", "GET", f"brittle/end/{code}")
    eventually(lambda: not pids("brittle") & first)
    assert not pids("brittle"), "not before"
    assert eventually(lambda: server.status("alice", "GET", "brittle/") == 200)
    assert pids("brittle")


def pids(name: str) -> set[int]:
    """The processes of an app, by the command line and its number of arguments."""
    found = set()
    index = [one["name"] for one in APPS].index(name)
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environ = (folder / "environ").read_bytes()
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if b"stand_in_app" in command and f"INDEX={index}\0".encode() in environ:
            found.add(int(folder.name))
    return found


for _index, _app in enumerate(APPS):
    _app["environment"] = {**_app["environment"], "INDEX": str(_index)}


def test_twenty_at_once_start_one_program(tmp_path: Path) -> None:
    apps = [{**app("once", "--delay=0.5", "--port={port}"), "environment": {"INDEX": "once"}}]
    (tmp_path / "apps").write_text(json.dumps(apps))
    with visited_server(tmp_path, DSW_APPS_FILE=str(tmp_path / "apps")) as server:
        url = f"http://127.0.0.1:{server.port}{PREFIX}once/"
        command = ["curl", "-sZ", "-H", "Authorization: token alice", *[url] * 20]
        done = subprocess.run(command, capture_output=True, check=True)
        assert done.stdout.count(b'"method"') == 20
        log = (tmp_path / "server.log").read_text()
        assert log.count("Starting the app once") == 1
        assert log.count("listening on") == 1, "its output is in the server's log"
        running = {int(pid) for pid in children(server.process.pid)}
        assert running
    assert not any(alive(pid) for pid in running), "they end with the server"


def children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_viewers_and_strangers_reach_neither_apps_nor_ports(
    server: VisitedServer, a_port: int
) -> None:
    paths = ("echo/", f"proxy/{a_port}/", f"proxy/absolute/{a_port}/", f"proxy/localhost:{a_port}/")
    for who, sentence in (("victor", VIEW_ONLY), ("mallory", NOT_SHARED)):
        for path in paths:
            for method in ("GET", "POST", "OPTIONS", "HEAD"):
                answer = server.ask(who, method, path)
                assert answer.status_code == 403, (who, method, path)
                assert method == "HEAD" or sentence[:30] in answer.text
                assert "x-forwarded-prefix" not in answer.text
        for path in ("echo/socket", f"proxy/{a_port}/socket"):
            with pytest.raises(websocket.WebSocketBadStatusException) as refused:
                server.connect(who, path)
            assert refused.value.status_code == 403
    for path in paths:
        assert server.status("freda", "GET", path) == 200
    server.connect("freda", "echo/socket").close()


def test_somebody_without_credentials_starts_nothing(server: VisitedServer) -> None:
    assert not pids("l")
    url = f"http://127.0.0.1:{server.port}{PREFIX}l/"
    for method in ("GET", "POST", "OPTIONS"):
        answer = httpx.request(method, url, trust_env=False)
        assert answer.status_code in (302, 403)
    assert server.status("victor", "GET", "l/") == 403
    assert not pids("l")
    assert server.status("freda", "GET", "l/") == 200
    assert pids("l")


def test_the_launcher_has_tiles_for_what_is_installed(server: VisitedServer) -> None:
    found = server.ask("alice", "GET", "server-proxy/servers-info").json()["server_processes"]
    tiles = {one["name"]: one["launcher_entry"] for one in found}
    assert set(tiles) >= {one["name"] for one in APPS}
    assert tiles["echo"]["title"] == "Echo"
    assert tiles["echo"]["path_info"] == "echo/start?a=1"
    assert {name for name, tile in tiles.items() if not tile["enabled"]} == {"missing", "broken"}


def test_a_killed_app_is_not_running_any_more(server: VisitedServer) -> None:
    assert server.status("alice", "GET", "ec/") == 200
    (pid,) = pids("ec")
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: server.status("alice", "GET", "ec/") == 200)
    assert pid not in pids("ec")
