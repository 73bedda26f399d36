"""A control, a proxy and instances for the gateway: small, but with real HTTP and a real sshd."""

from __future__ import annotations

import asyncio
import getpass
import os
import socket
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import uvicorn
from fastapi import FastAPI, Header, HTTPException, Request
from fastapi.responses import JSONResponse
from tests.polling import eventually
from tests.ports import free_ports
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Response

from dsw.instances import InstanceState, SshHost
from dsw.secret_files import GATEWAY, SecretFiles
from dsw.settings import Settings
from dsw.ssh import GatewayTicketAsk, GatewayUser, SshTicketAsk, SshTicketView
from dsw_gateway.control import ControlCalls
from dsw_gateway.crowd import Crowd, Limits
from dsw_gateway.entering import Entrance, Patience
from dsw_gateway.host_key import host_key
from dsw_gateway.main import stop
from dsw_gateway.server import Gateway, listen

INNER_USER = getpass.getuser()
SSHD = """\
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized
UsePAM no
StrictModes no
PidFile none
PasswordAuthentication no
PermitRootLogin prohibit-password
AllowTcpForwarding yes
Subsystem sftp internal-sftp
"""


def make_key(path: Path, kind: str = "ed25519") -> str:
    """A key pair at `path` and `path`.pub; the public line without its comment."""
    command = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "", "-f", path]
    subprocess.run(command, check=True)
    return path.with_name(f"{path.name}.pub").read_text().strip()


@dataclass
class Place:
    """An instance of the world. `url` as control tells it."""

    name: str
    owner: str
    id: str
    state: InstanceState = InstanceState.RUNNING
    url: str = ""
    shared_with: set[str] = field(default_factory=set)
    starts_after: int = 0
    refuses: tuple[int, str] | None = None

    @property
    def path(self) -> str:
        """Below the hub's public address."""
        return f"/user/{quote(self.owner, safe='')}/{self.name}/"

    def view(self, ticket: str | None) -> SshTicketView:
        """What control answers to somebody who asks for a ticket."""
        return SshTicketView(
            instance_id=self.id,
            name=self.name,
            owner=self.owner,
            display_name=self.name,
            state=self.state,
            message="Waits for memory" if self.state == InstanceState.QUEUING else "",
            url=self.url or self.path,
            host=SshHost(user=INNER_USER, host_key="ssh-ed25519 AAAA"),
            ticket=ticket,
        )

    def item(self, username: str) -> dict[str, Any]:
        """The same as an item of a list of instances."""
        return {
            "id": self.id,
            "name": self.name,
            "display_name": self.name,
            "owner": self.owner,
            "workspace_id": "ws-aaaaaaaaaaaa",
            "image_id": "img-aaaaaaaaaaaa",
            "spec": {"name": "tiny", "cpu": 1, "memory": 1 << 29},
            "state": self.state,
            "desired": "running",
            "access": None if self.owner == username else "full",
            "url": self.path,
            "created_at": datetime(2026, 1, 1, tzinfo=UTC).isoformat(),
        }


class World:
    """Users with keys and tokens, their instances, and what the gateway asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys: dict[str, set[str]] = {}
        self.tokens: dict[str, str] = {}
        self.instance_tokens: set[str] = set()
        self.places: list[Place] = []
        self.tickets: dict[str, Place] = {}
        self.asked: list[str] = []
        self.sshds: list[asyncio.subprocess.Process] = []
        self.joined: set[ServerConnection] = set()
        self.hosts: list[str] = []
        self.away = False
        self.reject: int | None = None
        hub, control, gateway = free_ports(3)
        self.settings = Settings.model_validate(
            {
                "data_dir": str(folder / "data"),
                "hub": {"port": hub},
                "control": {"port": control},
                "ssh": {"gateway_port": gateway},
            }
        )
        self.port = gateway
        self.token = SecretFiles(self.settings.data).get(GATEWAY)

    def user(self, name: str, kind: str = "ed25519") -> Path:
        """A user with a registered key (answered: its private file) and the token `token-NAME`."""
        path = self.folder / f"id_{name}_{kind}"
        self.keys.setdefault(name, set()).add(make_key(path, kind))
        self.tokens[f"token-{name}"] = name
        return path

    def place(self, name: str, owner: str, **fields: Any) -> Place:
        """An instance."""
        made = Place(name, owner, f"dsw-{name[:4].ljust(4, 'a')}{len(self.places):a>8}", **fields)
        made.id = made.id.translate(str.maketrans("0189", "abcd"))
        self.places.append(made)
        return made

    def find(self, username: str, wanted: str) -> Place | None:
        """As control resolves it: an own name, an id, or `owner/name`; only what may be entered."""
        for place in self.places:
            mine = place.owner == username
            names = {place.id, f"{place.owner}/{place.name}"} | ({place.name} if mine else set())
            if wanted in names and (mine or username in place.shared_with):
                return place
        return None

    def ticket(self, username: str, ask: SshTicketAsk) -> SshTicketView | JSONResponse:
        """One turn of the question for a ticket."""
        self.asked.append(f"{username} {ask.instance}")
        place = self.find(username, ask.instance)
        if place is None:
            return problem(404, f"There is no instance {ask.instance!r} that you may enter.")
        if place.refuses is not None:
            return problem(*place.refuses)
        if place.state == InstanceState.STOPPED and ask.start:
            place.state = InstanceState.STARTING
        if place.state == InstanceState.STARTING:
            place.starts_after -= 1
            if place.starts_after < 0:
                place.state = InstanceState.RUNNING
        if place.state != InstanceState.RUNNING:
            return place.view(None)
        ticket = f"ticket-{len(self.asked)}"
        self.tickets[ticket] = place
        return place.view(ticket)


def problem(status: int, detail: str) -> JSONResponse:
    """A refusal as control sends it."""
    return JSONResponse({"code": "refused", "detail": detail, "status": status}, status)


def control_app(world: World) -> FastAPI:
    """The routes of control that a gateway calls."""
    app = FastAPI()
    prefix = f"{world.settings.service_prefix}api"

    def holds(request: Request, body: GatewayUser) -> None:
        if request.headers.get("authorization") != f"Bearer {world.token}":
            raise HTTPException(401)
        if body.public_key not in world.keys.get(body.username, set()):
            raise HTTPException(403)

    def whose(authorization: str) -> str:
        name = world.tokens.get(authorization.removeprefix("Bearer "))
        if name is None:
            raise HTTPException(401)
        return name

    @app.middleware("http")
    async def may_be_away(request: Request, call_next: Any) -> Any:
        return problem(503, "Control is away.") if world.away else await call_next(request)

    @app.post("/internal/gateway/users", status_code=204)
    async def users(request: Request, body: GatewayUser) -> None:
        world.asked.append(f"{body.username} key")
        holds(request, body)

    @app.post("/internal/gateway/tickets", response_model=None)
    async def tickets(request: Request, body: GatewayTicketAsk) -> SshTicketView | JSONResponse:
        holds(request, body)
        return world.ticket(body.username, body)

    @app.post("/internal/gateway/instances")
    async def instances(request: Request, body: GatewayUser) -> list[dict[str, Any]]:
        holds(request, body)
        return [p.item(body.username) for p in world.places if world.find(body.username, p.id)]

    @app.get(f"{prefix}/me")
    async def me(authorization: str = Header("")) -> dict[str, Any]:
        world.asked.append("token")
        name = whose(authorization)
        own = authorization.removeprefix("Bearer ") in world.instance_tokens
        instance = "dsw-aaaaaaaaaaaa" if own else None
        fields = {"admin": False, "engine": "docker", "isolated": True, "hub_url": "/hub/"}
        return {"name": name, "version": "0", "instance_id": instance, **fields}

    @app.post(f"{prefix}/ssh/tickets", response_model=None)
    async def own_tickets(
        body: SshTicketAsk, authorization: str = Header("")
    ) -> SshTicketView | JSONResponse:
        return world.ticket(whose(authorization), body)

    @app.get(f"{prefix}/instances")
    async def own_instances(
        shared: bool = False, authorization: str = Header("")
    ) -> dict[str, Any]:
        name = whose(authorization)
        found = [p for p in world.places if world.find(name, p.id)]
        return {"items": [p.item(name) for p in found if (p.owner != name) == shared]}

    return app


@asynccontextmanager
async def a_control(world: World) -> AsyncIterator[None]:
    """The control of the world, on its port."""
    config = uvicorn.Config(
        control_app(world),
        host="127.0.0.1",
        port=world.settings.control.port,
        log_level="warning",
        lifespan="off",
    )
    server = uvicorn.Server(config)
    # Its own handling of signals would take the tests' Ctrl-C.
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.create_task(server._serve())
    await until(lambda: server.started)
    yield
    server.should_exit = True
    await task


@asynccontextmanager
async def a_proxy(world: World) -> AsyncIterator[None]:
    """The hub's proxy and the instances behind it: websockets that are joined to `sshd -i`."""
    make_key(world.folder / "host")
    (world.folder / "sshd_config").write_text(SSHD.format(folder=world.folder))
    (world.folder / "authorized").touch()
    make_privilege_folder()

    def check(connection: ServerConnection, request: Any) -> Response | None:
        ticket = request.headers.get("X-DSW-Ticket", "")
        place = world.tickets.pop(ticket, None)
        world.hosts.append(request.headers["Host"])
        if world.reject:
            return connection.respond(world.reject, "not now")
        if "Origin" in request.headers or "Authorization" in request.headers or place is None:
            return connection.respond(403, "no")
        return (
            None
            if request.path == f"{place.path}dsw/ssh"
            else connection.respond(404, request.path)
        )

    async def join(connection: ServerConnection) -> None:
        world.joined.add(connection)
        try:
            await join_sshd(world, connection)
        finally:
            world.joined.discard(connection)

    port = world.settings.hub.port
    options: dict[str, Any] = {"compression": None, "max_size": 1 << 20, "process_request": check}
    async with serve(join, "127.0.0.1", port, **options):
        yield


async def join_sshd(world: World, connection: ServerConnection) -> None:
    """One connection's bytes to a real OpenSSH server and back."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = await asyncio.create_subprocess_exec(
            "/usr/sbin/sshd", "-i", "-e", "-f", world.folder / "sshd_config",
            stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    world.sshds.append(process)
    reader, writer = await asyncio.open_connection(sock=ours, limit=1 << 20)

    async def to_client() -> None:
        with suppress(ConnectionClosed):
            while data := await reader.read(1 << 18):
                await connection.send(data)
            await connection.close()

    answering = asyncio.create_task(to_client())
    try:
        async for message in connection:
            assert isinstance(message, bytes)
            writer.write(message)
            await writer.drain()
    except (ConnectionClosed, OSError):
        pass
    finally:
        writer.close()
        answering.cancel()
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 5)


Patient = Patience(start=5, queue=1, away=2, look=0.05)


@asynccontextmanager
async def a_gateway(
    world: World, limits: Limits | None = None, patience: Patience = Patient
) -> AsyncIterator[Gateway]:
    """The gateway of the world, with the parts that a process of it has."""
    gateway: Gateway = Gateway(
        settings=world.settings,
        control=ControlCalls(world.settings, world.token),
        entrance=Entrance(world.settings, patience),
        crowd=Crowd(limits or Limits()),
    )
    acceptor = await listen(gateway, host_key(world.settings.data))
    yield gateway
    await stop(acceptor, gateway)
    await gateway.control.close()


async def until(condition: Callable[[], object]) -> None:
    """Return when the condition holds, while this loop goes on serving."""
    await asyncio.to_thread(eventually, condition)


async def settled(look: Callable[[], int]) -> int:
    """What is the same at two looks half a second apart."""
    seen = [-1]

    def same() -> bool:
        seen.append(look())
        return seen[-1] == seen[-2]

    await asyncio.to_thread(eventually, same, 30, 0.5)
    return seen[-1]


def make_privilege_folder() -> None:
    """What the system's own start-up makes, and sshd insists on where it is root."""
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
