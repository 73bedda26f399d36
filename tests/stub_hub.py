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
from starlette.types import ASGIApp, Receive, Scope, Send

PREFIX = "/hub/api"


def user_token(name: str) -> dict[str, str]:
    """The headers of a user's program."""
    return {"Authorization": f"Bearer user-{name}"}


def instance_token(owner: str, server: str) -> dict[str, str]:
    """The headers of a program in an instance."""
    return {"Authorization": f"Bearer instance-{owner}/{server}"}


@dataclass
class StubHub:
    """The hub's users, who are there once they have come with a token, and their groups. `shares`
    are by `OWNER/SERVER`, with a kind (`user` or `group`) and a name each. `asked` lists what else
    it was asked to do, in order. It does not answer while it is `down`."""

    admins: set[str] = field(default_factory=set)
    groups: dict[str, list[str]] = field(default_factory=dict)
    servers: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    shares: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)
    down: bool = False

    def app(self) -> Starlette:
        """Its REST API."""
        server = f"{PREFIX}/users/{{name}}/servers/{{server}}"
        app = Starlette(
            routes=[
                Route(f"{PREFIX}/user", self._whoami),
                Route(f"{PREFIX}/users", self._users),
                Route(f"{PREFIX}/groups/{{name}}", self._group),
                Route(f"{PREFIX}/users/{{name}}", self._user),
                Route(server, self._start, methods=["POST"]),
                Route(server, self._stop, methods=["DELETE"]),
                Route(f"{PREFIX}/shares/{{name}}", self._shares),
                Route(f"{PREFIX}/shares/{{name}}/{{server}}", self._share, methods=["POST"]),
                Route(f"{PREFIX}/shares/{{name}}/{{server}}", self._unshare, methods=["PATCH"]),
            ]
        )
        app.add_middleware(_Down, hub=self)
        return app

    def delete(self, name: str) -> None:
        """Forget a user with their tokens and servers."""
        self.servers.pop(name, None)
        self.deleted.add(name)

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
        elif kind != "user" or name in self.deleted:
            return JSONResponse({"message": "no such token"}, 403)
        self.servers.setdefault(name, {})
        return JSONResponse({**self.model(name), "scopes": [scope]})

    async def _user(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self.servers:
            return JSONResponse({"message": "no such user"}, 404)
        return JSONResponse(self.model(name))

    async def _group(self, request: Request) -> Response:
        group = request.path_params["name"]
        users = [name for name, groups in self.groups.items() if group in groups]
        return JSONResponse({"name": group, "users": users}, 200 if users else 404)

    async def _users(self, request: Request) -> Response:
        first, count = (int(request.query_params[key]) for key in ("offset", "limit"))
        active = request.query_params.get("state") == "active"
        names = sorted(name for name, servers in self.servers.items() if servers or not active)
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
        self.shares.pop(f"{name}/{server}", None)
        self.asked.append(("stop", f"{name}/{server}"))
        return Response(status_code=204)

    async def _share(self, request: Request) -> Response:
        ((kind, whom),) = (await request.json()).items()
        name, server = request.path_params["name"], request.path_params["server"]
        if server not in self.servers.get(name, {}):
            return JSONResponse({"message": "no such server"}, 404)
        if kind == "user" and whom not in self.servers:
            return JSONResponse({"message": "no such user"}, 400)
        self.shares.setdefault(f"{name}/{server}", set()).add((kind, whom))
        self.asked.append(("share", f"{name}/{server} {whom}"))
        return JSONResponse({})

    async def _unshare(self, request: Request) -> Response:
        ((kind, whom),) = (await request.json()).items()
        name, server = request.path_params["name"], request.path_params["server"]
        if server not in self.servers.get(name, {}):
            return JSONResponse({"message": "no such server"}, 404)
        self.shares.get(f"{name}/{server}", set()).discard((kind, whom))
        self.asked.append(("unshare", f"{name}/{server} {whom}"))
        return JSONResponse({})

    async def _shares(self, request: Request) -> Response:
        name = request.path_params["name"]
        first, count = (int(request.query_params[key]) for key in ("offset", "limit"))
        models = [
            {"server": {"name": key.partition("/")[2]}, "kind": kind, kind: {"name": whom}}
            for key, pairs in sorted(self.shares.items())
            for kind, whom in sorted(pairs)
            if key.startswith(f"{name}/")
        ]
        following = {"offset": first + count} if first + count < len(models) else None
        page = {"items": models[first : first + count], "_pagination": {"next": following}}
        return JSONResponse(page)


class _Down:
    """Answers 503 in place of the hub while it is down, as a proxy in front of it does."""

    def __init__(self, app: ASGIApp, hub: StubHub) -> None:
        self._app = app
        self._hub = hub

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = JSONResponse({"message": "no hub"}, 503) if self._hub.down else self._app
        await answer(scope, receive, send)
