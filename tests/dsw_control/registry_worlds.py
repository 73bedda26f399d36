"""A registry that trusts the tokens of a control which really listens."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from tests.dsw_control.apis import Api
from tests.dsw_control.catalogs import ROOMY, SPECS

from dsw.secret_files import REGISTRY, REGISTRY_CERTIFICATE, SecretFiles
from dsw_control.registry_tokens import ISSUER, SERVICE, Signer

USER, PASSWORD = "workbench", "the-password-of-the-tests"
AUTH = """
auth:
  token:
    realm: {realm}
    service: {service}
    issuer: {issuer}
    rootcertbundle: {certificate}
"""


@dataclass
class TokenWorld:
    """The API of the control, and the registry's `host:port`; `realm` is where tokens are had."""

    api: Api
    registry: str
    realm: str

    async def token(
        self, *scopes: str, login: tuple[str, str] | None = (USER, PASSWORD), **headers: str
    ) -> httpx.Response:
        """What the token service answers."""
        async with httpx.AsyncClient() as http:
            asked = {"service": SERVICE, "scope": list(scopes)}
            return await http.get(self.realm, params=asked, auth=login, headers=headers)

    async def good_token(self, *scopes: str) -> str:
        """A token that the installation's user gets."""
        answer = await self.token(*scopes)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["token"])

    async def at(self, token: str, method: str, path: str, **more: Any) -> httpx.Response:
        """The registry's answer to who has this token."""
        async with httpx.AsyncClient(base_url=f"http://{self.registry}/v2/") as http:
            headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}
            return await http.request(method, path, headers=headers, **more)


@contextlib.asynccontextmanager
async def token_world(
    make_api: Any, start_registry: Callable[..., str], data: Path, database: str, **more: Any
) -> AsyncIterator[TokenWorld]:
    """Registry and control for the block; `data` is the control's folder."""
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    realm = f"http://127.0.0.1:{port}/services/dsw/registry/token"
    secrets = SecretFiles(data)
    Signer(secrets)
    names = {"realm": realm, "service": SERVICE, "issuer": ISSUER}
    certificate = secrets.path(REGISTRY_CERTIFICATE)
    address = await asyncio.to_thread(start_registry, AUTH.format(certificate=certificate, **names))
    secrets.kept(REGISTRY, lambda: PASSWORD)
    own = {"address": address, "insecure": True, "username": USER, "auth": "token"}
    listens = {"database": database, "port": port}
    sections = {"specs": SPECS, "resource_groups": ROOMY, "registry": own, "control": listens}
    api: Api = await make_api(**sections, **more)
    async with served(api.app, listening):
        yield TokenWorld(api, address, realm)


@contextlib.asynccontextmanager
async def served(app: Any, listening: socket.socket) -> AsyncIterator[None]:
    """The application behind a socket that listens, in this event loop, for the block."""
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield
    finally:
        server.should_exit = True
        await task
