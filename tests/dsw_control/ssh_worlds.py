"""People with keys, and an instance that is up and has told its host key: what SSH tests need."""

from __future__ import annotations

import base64
import hashlib
import struct
from typing import Any

import httpx
from tests.dsw_control.apis import Api
from tests.dsw_control.conftest import MakeApi
from tests.dsw_control.teams import create, runs, team
from tests.stub_hub import instance_token

HOST = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB"
ROLES = {
    "dan": "developer",
    "eve": "developer",
    "ann": "admin",
    "op": "operator",
    "gus": "guest",
}


def key_of(name: str) -> str:
    """A public key that is different for each name."""
    fields = (b"ssh-ed25519", hashlib.sha256(name.encode()).digest())
    blob = b"".join(struct.pack(">I", len(field)) + field for field in fields)
    return f"ssh-ed25519 {base64.b64encode(blob).decode()}"


async def add_key(api: Api, who: str, name: str = "", **more: Any) -> Any:
    """Register the key of this name, or the user's first one."""
    return await api.ok(who, "POST", "/ssh-keys", {"public_key": key_of(name or who), **more})


async def world_with_keys(make_api: MakeApi, **sections: Any) -> tuple[Api, Any]:
    """A workspace of `olga` with all roles, a key for everybody, and an instance of `dan`."""
    api: Api = await make_api(**sections)
    await team(api, **ROLES)
    for name in ("olga", "zoe", *ROLES):
        await add_key(api, name)
    return api, await up(api, "dan", name="train", display_name="Train")


async def up(api: Api, owner: str, workspace: str = "team", **more: Any) -> Any:
    """A new instance that is up, whose server has told its host key."""
    item = await create(api, owner, workspace, **more)
    await runs(api, item["id"])
    await tell_host(api, item)
    return await api.ok(owner, "GET", f"/instances/{item['id']}")


async def tell_host(api: Api, item: Any, host_key: str = HOST) -> None:
    """What the instance's own server tells at its start."""
    body = {"user": "dsw", "host_key": host_key}
    await api.ok(inner(item), "PUT", f"/instances/{item['id']}/ssh", body)


def inner(item: Any) -> dict[str, str]:
    """The headers of the instance's own server."""
    return instance_token(item["owner"], item["name"])


async def ask(api: Api, who: str, instance: str, start: bool = False) -> httpx.Response:
    """Somebody's request for a ticket."""
    body = {"instance": instance, "start": start}
    return await api.send(who, "POST", "/ssh/tickets", body)


async def ticket(api: Api, who: str, instance: str) -> str:
    """A ticket that must be given."""
    answer = await ask(api, who, instance)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["ticket"])


async def show(api: Api, item: Any, sealed: str) -> httpx.Response:
    """The instance's own server shows a ticket."""
    path = f"/instances/{item['id']}/ssh/entries"
    return await api.send(inner(item), "POST", path, {"ticket": sealed})


async def entrants(api: Api, item: Any) -> dict[str, list[str]]:
    """Whom the instance's own server may let in now."""
    answer = await api.ok(inner(item), "GET", f"/instances/{item['id']}/ssh/entrants")
    found: dict[str, list[str]] = answer["keys"]
    return found


async def share(api: Api, item: Any, user: str | None = None, access: str = "full") -> Any:
    """A share that the owner makes."""
    path = f"/instances/{item['id']}/shares"
    return await api.ok(item["owner"], "PUT", path, {"user": user, "access": access})


async def gateway(
    api: Api, path: str, headers: dict[str, str] | None = None, **body: Any
) -> httpx.Response:
    """A request of the SSH gateway, by its own token unless other headers are given."""
    token = {"Authorization": f"Bearer {api.control.gateway_token}"}
    transport = httpx.ASGITransport(api.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://control.test") as http:
        named = token if headers is None else headers
        return await http.post(f"/internal/gateway/{path}", json=body, headers=named)
