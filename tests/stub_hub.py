"""A hub of a few lines, for tests and benchmarks of control alone: tokens, users, named servers.

The token `user-NAME` is a program's of that user, `instance-NAME/SERVER` one of their instances'.
A server is ready as soon as its start is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

PREFIX = "/hub/api"


def user_token(name: str) -> dict[str, str]:
    """The headers of a user's program."""
    return {"Authorization": f"Bearer user-{name}"}


def instance_token(owner: str, server: str) -> dict[str, str]:
    """The headers of a program in an instance."""
    return {"Authorization": f"Bearer instance-{owner}/{server}"}


@dataclass
class StubHub:
    """The hub's users, who are there once they have come with a token. `asked` lists what else it
    was asked to do, in order."""

    admins: set[str] = field(default_factory=set)
    groups: dict[str, list[str]] = field(default_factory=dict)
    servers: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def app(self) -> Starlette:
        """Its REST API."""
        server = f"{PREFIX}/users/{{name}}/servers/{{server}}"
        return Starlette(
            routes=[
                Route(f"{PREFIX}/user", self._whoami),
                Route(f"{PREFIX}/users", self._active),
                Route(f"{PREFIX}/users/{{name}}", self._user),
                Route(server, self._start, methods=["POST"]),
                Route(server, self._stop, methods=["DELETE"]),
            ]
        )

    def model(self, name: str) -> dict[str, Any]:
        """A user as the hub shows them."""
        return {
            "kind": "user",
            "name": name,
            "admin": name in self.admins,
            "groups": self.groups.get(name, []),
            "servers": self.servers.get(name, {}),
        }

    async def _whoami(self, request: Request) -> Response:
        kind, _, name = request.headers["authorization"].removeprefix("Bearer ").partition("-")
        scope = "access:services!service=dsw"
        if kind == "instance":
            name, _, server = name.rpartition("/")
            scope = f"custom:dsw:instance!server={name}/{server}"
        elif kind != "user":
            return JSONResponse({"message": "no such token"}, 403)
        self.servers.setdefault(name, {})
        return JSONResponse({**self.model(name), "scopes": [scope]})

    async def _user(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self.servers:
            return JSONResponse({"message": "no such user"}, 404)
        return JSONResponse(self.model(name))

    async def _active(self, request: Request) -> Response:
        first, count = (int(request.query_params[key]) for key in ("offset", "limit"))
        names = sorted(name for name, servers in self.servers.items() if servers)
        return JSONResponse([self.model(name) for name in names[first : first + count]])

    async def _start(self, request: Request) -> Response:
        name, server = request.path_params["name"], request.path_params["server"]
        if name not in self.servers:
            return JSONResponse({"message": "no such user"}, 404)
        self.servers[name][server] = {"name": server, "ready": True, "pending": None}
        self.asked.append(("start", f"{name}/{server}"))
        return Response(status_code=201)

    async def _stop(self, request: Request) -> Response:
        name, server = request.path_params["name"], request.path_params["server"]
        if self.servers.get(name, {}).pop(server, None) is None:
            return JSONResponse({"message": "no such server"}, 404)
        self.asked.append(("stop", f"{name}/{server}"))
        return Response(status_code=204)
