"""A real Jupyter server with the extension as an instance, OpenSSH clients, and something that
answers in control's place.

A stand-in, because control's side has tests of its own, and `tests/chain` joins the real ones.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import websocket
from tests.dsw_server.conftest import Server

from dsw.names import new_id
from dsw.ssh import SSH_PATH, TICKET_HEADER

OWN_TOKEN = "token-of-the-instance"
THROUGH = Path(__file__).with_name("ssh_through.py")


@dataclass
class Doorkeeper:
    """What control says: `keys` of those who may enter; a user's ticket is `ticket-` and the name.

    `hosts` are the bodies that the instance told of itself. `refusals` is the number of requests
    that it answers with 503 first; -1 for all.
    """

    instance_id: str = field(default_factory=lambda: new_id("dsw"))
    keys: dict[str, list[str]] = field(default_factory=dict)
    hosts: list[dict[str, str]] = field(default_factory=list)
    refusals: int = 0
    asked: int = 0
    url: str = ""

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Status and body."""
        base = f"/services/dsw/api/instances/{self.instance_id}/ssh"
        if not path.startswith(base):
            # What the server tells of its apps and ports; this is for SSH.
            return 404, {"code": "not_found", "detail": path}
        self.asked += 1
        if self.refusals:
            self.refusals -= 1
            return 503, {"code": "unavailable", "detail": "Restarting."}
        if (method, path) == ("PUT", base):
            self.hosts.append(body)
            return 204, None
        if (method, path) == ("GET", f"{base}/entrants"):
            return 200, {"keys": self.keys}
        if (method, path) == ("POST", f"{base}/entries"):
            user = body["ticket"].removeprefix("ticket-")
            if user in self.keys:
                return 200, {"user": user, "keys": self.keys[user]}
            return 403, {"code": "forbidden", "detail": "This ticket does not open it."}
        return 404, {"code": "not_found", "detail": path}


@contextmanager
def doorkeeper() -> Iterator[Doorkeeper]:
    """One that answers over HTTP."""
    keeper = Doorkeeper()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            known = self.headers["Authorization"] == f"Bearer {OWN_TOKEN}"
            status, content = keeper.answer(self.command, self.path, body) if known else (401, {})
            self.send_response(status)
            self.end_headers()
            if content is not None:
                self.wfile.write(json.dumps(content).encode())

        do_POST = do_PUT = do_GET

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        keeper.url = f"http://127.0.0.1:{server.server_port}/services/dsw"
        yield keeper
        server.shutdown()
        thread.join()


@dataclass
class SshInstance:
    """The running instance, its home, and a folder for clients' files."""

    keeper: Doorkeeper
    server: Server
    home: Path
    clients: Path

    @property
    def process(self) -> psutil.Process:
        """The server's process."""
        return psutil.Process(self.server.process.pid)

    def daemons(self) -> list[psutil.Process]:
        """Every sshd below the server."""
        children = self.process.children(recursive=True)
        return [child for child in children if _is_sshd(child)]

    def client(self, user: str = "alice", key: str | None = None) -> SshClient:
        """Somebody with a ticket of this user's and the key of this name, by default their own."""
        client = SshClient(self, user, self.key(key or user))
        client.configure()
        return client

    def key(self, name: str, kind: str = "ed25519") -> Path:
        """The private key of this name, made at the first call; `.pub` is beside it."""
        file = self.clients / f"{name}-{kind}"
        if not file.exists():
            command = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", name, "-f", str(file)]
            subprocess.run(command, check=True)
        return file

    def admit(self, name: str, *keys: str) -> None:
        """From now on control lets this user in, with these keys (by default their own)."""
        files = [self.key(key).with_suffix(".pub") for key in keys or (name,)]
        self.keeper.keys[name] = [" ".join(file.read_text().split()[:2]) for file in files]

    def websocket(self, ticket: str | None = "ticket-alice", **headers: str) -> Any:
        """A raw websocket; `WebSocketBadStatusException` when it is refused."""
        shown = {TICKET_HEADER: ticket} if ticket is not None else {}
        return websocket.create_connection(
            f"ws{self.server.base_url.removeprefix('http')}{SSH_PATH}",
            header={**shown, **headers},
            suppress_origin="Origin" not in headers,
            timeout=30,
        )


def _is_sshd(process: psutil.Process) -> bool:
    try:
        return process.name().startswith("sshd") and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@dataclass
class SshClient:
    """The OpenSSH client of one user; `command` is what to run it with."""

    instance: SshInstance
    user: str
    key: Path

    @property
    def config(self) -> Path:
        """Its configuration file."""
        return self.instance.clients / f"{self.key.name}-{self.user}.conf"

    def configure(self) -> None:
        """Write the configuration, in which the instance is the host `train`."""
        keeper, folder = self.instance.keeper, self.instance.clients
        known = folder / "known_hosts"
        known.write_text(f"{keeper.instance_id} {keeper.hosts[-1]['host_key']}\n")
        proxy = f"{sys.executable} {THROUGH} {self.instance.server.base_url} ticket-{self.user}"
        options = {
            "User": keeper.hosts[-1]["user"],
            "HostKeyAlias": keeper.instance_id,
            "UserKnownHostsFile": known,
            "StrictHostKeyChecking": "yes",
            "IdentityFile": self.key,
            "IdentitiesOnly": "yes",
            "BatchMode": "yes",
            "ExitOnForwardFailure": "yes",
            "ProxyCommand": proxy,
        }
        lines = [f"  {name} {value}" for name, value in options.items()]
        self.config.write_text("\n".join(["Host train", *lines, ""]))

    def command(self, *arguments: str, program: str = "ssh") -> list[str]:
        """Program and arguments, whose host is `train`."""
        return [program, "-F", str(self.config), *arguments]

    def run(self, *arguments: str, program: str = "ssh", **options: Any) -> Any:
        """The `CompletedProcess`, whose output is bytes."""
        options.setdefault("env", {**os.environ, "LC_ALL": "C.UTF-8"})
        command = self.command(*arguments, program=program)
        return subprocess.run(command, capture_output=True, check=False, timeout=120, **options)

    @contextmanager
    def open(self, *arguments: str, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
        """It running, with pipes; killed at the end."""
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        with subprocess.Popen(self.command(*arguments), **{**pipes, **options}) as process:
            try:
                yield process
            finally:
                process.kill()


@contextmanager
def ssh_instance(
    folder: Path, start_server: Callable[..., Server], **environ: str
) -> Iterator[SshInstance]:
    """An instance into which alice may come."""
    home, clients = folder / "home", folder / "clients"
    home.mkdir(exist_ok=True)
    clients.mkdir(exist_ok=True)
    with doorkeeper() as keeper:
        server = start_server(
            HOME=str(home),
            DSW_CONTROL_URL=keeper.url,
            DSW_INSTANCE_ID=keeper.instance_id,
            JUPYTERHUB_API_TOKEN=OWN_TOKEN,
            **environ,
        )
        instance = SshInstance(keeper, server, home, clients)
        instance.admit("alice")
        yield instance
