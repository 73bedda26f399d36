"""Control's API as its clients meet it, over HTTP in one process, with a stub for the hub."""

from __future__ import annotations

from typing import Any

import httpx
from tests.stub_hub import StubHub, user_token

from dsw_control.app import create_app
from dsw_control.context import Control

ADMIN = "root"


class Api:
    """Requests to one control by whoever is named. `ADMIN` is a platform administrator."""

    def __init__(self, control: Control) -> None:
        self.control = control
        self.hub = StubHub(admins={ADMIN})
        self.app = create_app(control, loops=False)
        self.root = f"{control.settings.service_prefix}api"
        # Answers of the stub in place of the hub's.
        control.hub._http = httpx.AsyncClient(transport=httpx.ASGITransport(self.hub.app()))
        self._http = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app), base_url="http://control.test"
        )

    async def send(
        self,
        who: str | dict[str, str],
        method: str,
        path: str,
        json: Any = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """The answer to a request of a user by name, or with the headers that are given."""
        credentials = user_token(who) if isinstance(who, str) else who
        named = credentials | (headers or {})
        sent = {key.encode(): value.encode() for key, value in named.items()}
        content = {} if json is None else {"json": json}
        return await self._http.request(method, self.root + path, headers=sent, **content)

    async def ok(self, who: str | dict[str, str], method: str, path: str, json: Any = None) -> Any:
        """The content of an answer that must be a good one."""
        answer = await self.send(who, method, path, json)
        assert answer.is_success, (method, path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()
