"""The open ports of an instance: what is found, what is left out, and what control is told."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.dsw_server import stand_in_app
from tests.dsw_server.visited_server import VisitedServer, visited_server
from tests.polling import eventually
from tests.ports import an_unused_port

from dsw.apps import App, Endpoints
from dsw.errors import Unavailable
from dsw_server import endpoints
from dsw_server.endpoints import PERIOD, Reporter
from dsw_server.ports import Listening, Ports, listening

IN_A_KERNEL = """
import socket
s = socket.create_server(("127.0.0.1", {port}))
"""


def bound(host: str, family: socket.AddressFamily = socket.AF_INET, **options: Any) -> Any:
    """A socket that listens on a free port; closed by `closing`."""
    return closing(socket.create_server((host, 0), family=family, **options))


def found(ports: Ports) -> dict[int, str]:
    return {one.port: one.process for one in ports.look()}


@pytest.mark.parametrize(
    ("host", "family", "options", "shown"),
    [
        ("127.0.0.1", socket.AF_INET, {}, True),
        ("0.0.0.0", socket.AF_INET, {}, True),
        ("::1", socket.AF_INET6, {}, True),
        ("::", socket.AF_INET6, {}, True),
        ("::", socket.AF_INET6, {"dualstack_ipv6": True}, True),
        ("::ffff:127.0.0.1", socket.AF_INET6, {"dualstack_ipv6": True}, True),
        ("127.0.0.11", socket.AF_INET, {}, False),
    ],
)
def test_what_localhost_reaches_is_found(
    host: str, family: socket.AddressFamily, options: Any, shown: bool
) -> None:
    if family is socket.AF_INET6 and not Path("/proc/net/tcp6").exists():
        pytest.skip("no IPv6 here")
    with bound(host, family, **options) as listener:
        port = listener.getsockname()[1]
        # Of another process than the one that looks, whose own ports are left out.
        ports = Ports(isolated=True, own=1)
        assert (port in found(ports)) is shown
        assert found(ports).get(port, "") == (comm() if shown else "")
    assert port not in found(ports)


def comm() -> str:
    return Path("/proc/self/comm").read_text().strip()


def test_what_is_connected_does_not_listen() -> None:
    with bound("127.0.0.1") as listener, closing(socket.socket()) as client:
        client.connect(listener.getsockname())
        assert client.getsockname()[1] not in listening().values()


def test_without_a_container_only_the_servers_descendants_count() -> None:
    with bound("127.0.0.1") as listener:
        theirs = listener.getsockname()[1]
        ours = an_unused_port()
        program = subprocess.Popen([sys.executable, stand_in_app.__file__, f"--port={ours}"])
        try:
            own = Ports(isolated=False, own=program.pid)
            eventually(lambda: ours in listening().values(), timeout=30)
            assert found(own) == {}, "the server's own ports are left out"
            parent = Ports(isolated=False, own=os.getpid())
            assert ours in found(parent)
            assert theirs not in found(parent)
            everything = found(Ports(isolated=True, own=program.pid))
            assert theirs in everything
            assert ours not in everything
        finally:
            program.terminate()
            program.wait(10)


def test_editors_and_what_belongs_to_an_app_are_left_out(tmp_path: Path) -> None:
    editor = tmp_path / "code-server" / "entry.py"
    editor.parent.mkdir()
    editor.write_text(Path(stand_in_app.__file__).read_text())
    ports = [an_unused_port() for _ in range(3)]
    files = (stand_in_app.__file__, stand_in_app.__file__, str(editor))
    programs = [
        subprocess.Popen([sys.executable, file, f"--port={port}"], start_new_session=True)
        for file, port in zip(files, ports, strict=True)
    ]
    try:
        for port in ports:
            eventually(lambda port=port: port in listening().values(), timeout=30)
        # The second is an app's session.
        shown = {one.port for one in Ports(isolated=False).look({programs[1].pid})}
        assert shown & set(ports) == {ports[0]}
    finally:
        for program in programs:
            program.terminate()
            program.wait(10)


def test_a_thousand_ports_are_too_many_to_show() -> None:
    with ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(bound("127.0.0.1"))
        shown = Ports(isolated=True, own=1).look()
    assert len(shown) == 200
    Endpoints.model_validate({"ports": [{"port": one.port} for one in shown]})


APPS = [
    App(name=name, title=name.title(), command=[program, stand_in_app.__file__, "--port={port}"])
    for name, program in (("echo", sys.executable), ("gone", "no-such-program"))
]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[VisitedServer]:
    (tmp_path / "apps").write_text(json.dumps([app.model_dump() for app in APPS]))
    with visited_server(tmp_path, DSW_APPS_FILE=str(tmp_path / "apps")) as server:
        yield server


def last(server: VisitedServer) -> dict[str, Any]:
    told: dict[str, Any] = server.answers.told[-1][1] if server.answers.told else {}
    return told


def test_control_hears_what_is_there_and_of_every_change(server: VisitedServer) -> None:
    answers = server.answers
    first = eventually(lambda: last(server), timeout=30)
    assert first == {"apps": [{"name": "echo", "title": "Echo", "path": "echo/"}], "ports": []}
    # An app, a kernel and a terminal open nothing that is worth to be told.
    assert server.status("alice", "GET", "echo/") == 200
    kernel = server.ask("alice", "POST", "api/kernels", json={"name": "python3"}).json()["id"]
    ports = [an_unused_port(), an_unused_port()]
    answers.deaf = 503
    run_in(server, kernel, IN_A_KERNEL.format(port=ports[0]))
    terminal = server.terminal("alice")
    command = f"{sys.executable} -m http.server --bind 127.0.0.1 {ports[1]}\r"
    terminal.send(json.dumps(["stdin", command]))
    eventually(lambda: set(ports) <= set(listening().values()), timeout=30)
    answers.deaf = 0
    # Refused before, told again.
    shown = eventually(lambda: len(last(server)["ports"]) == 2 and last(server), timeout=30)
    assert {one["port"] for one in shown["ports"]} == set(ports)
    assert all(one["process"].startswith("python") for one in shown["ports"])
    Endpoints.model_validate(shown)
    server.ask("alice", "DELETE", f"api/kernels/{kernel}")
    server.ask("alice", "DELETE", "api/terminals/1")
    eventually(lambda: last(server) == first, timeout=30)
    terminal.shutdown()


def run_in(server: VisitedServer, kernel: str, code: str) -> None:
    channel = server.connect("alice", f"api/kernels/{kernel}/channels?session_id=s")
    header = {"msg_id": "m", "session": "s", "username": "", "msg_type": "execute_request"}
    content = {"code": code, "silent": False, "stop_on_error": True}
    message = {"channel": "shell", "header": {**header, "version": "5.3"}, "content": content}
    channel.send(json.dumps({**message, "parent_header": {}, "metadata": {}}))
    replied = lambda: json.loads(channel.recv())["msg_type"] == "execute_reply"  # noqa: E731
    eventually(replied, timeout=60)
    channel.close()


def test_a_program_that_opens_a_port_each_moment_does_not_flood_control(
    server: VisitedServer,
) -> None:
    eventually(lambda: server.answers.told, timeout=30)
    code = (
        "import socket, time\n"
        "kept = []\n"
        "for _ in range(150):\n"
        "    kept.append(socket.create_server(('127.0.0.1', 0)))\n"
        "    time.sleep(0.3)\n"
    )
    terminal = server.terminal("alice")
    terminal.send(json.dumps(["stdin", f'{sys.executable} -c "{code}"\r']))
    eventually(lambda: len(server.answers.told) >= 4, timeout=60)
    moments = [moment for moment, _ in server.answers.told]
    gaps = [after - before for before, after in pairwise(moments)]
    assert min(gaps) > PERIOD - 0.5
    terminal.send(json.dumps(["stdin", "\x03"]))
    terminal.close()


class Told:
    """Control, in as far as it is told something; it does not answer for the first three times."""

    def __init__(self) -> None:
        self.bodies: asyncio.Queue[Any] = asyncio.Queue()
        self.away = 3

    async def tell_endpoints(self, body: Any) -> None:
        self.away -= 1
        if self.away >= 0:
            raise Unavailable("Control does not answer.")
        self.bodies.put_nowait(body["ports"])


class Shown:
    """Ports that are told, not looked for; counts the looks."""

    def __init__(self, *ports: Listening) -> None:
        self.ports = list(ports)
        self.looks = 0

    def look(self, apps: Any = ()) -> list[Listening]:
        self.looks += 1
        return self.ports


async def test_what_control_did_not_take_is_told_again_and_complained_of_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(endpoints, "PERIOD", 0.01)
    control, ports = Told(), Shown(Listening(80))
    log = logging.getLogger("reporter")
    reporter = Reporter(control, [], ports, log)  # type: ignore[arg-type]
    reporter.start()
    async with asyncio.timeout(10):
        assert await control.bodies.get() == [{"port": 80, "process": ""}]
        ports.ports = []
        assert await control.bodies.get() == []
    looks = ports.looks
    await asyncio.to_thread(eventually, lambda: ports.looks > looks + 10)
    reporter.stop()
    assert control.bodies.empty()
    assert caplog.text.count("could not be told") == 1
