"""What the gateway asks of control, and with whose rights: a proved key, or the caller's token."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx
from pydantic import BaseModel, TypeAdapter

from dsw.errors import Invalid, RemoteError, Unavailable
from dsw.instances import InstanceView
from dsw.settings import Settings
from dsw.sharing import Access
from dsw.ssh import GatewayTicketAsk, GatewayUser, SshTicketAsk, SshTicketView, public_key
from dsw.workspaces import Me

TIMEOUT = 15.0
STRANGERS_AT_ONCE = 8
"""Logins that are checked at a time, so that a flood of them leaves control to others."""
_TOKEN = re.compile(r"[\x21-\x7e]{1,255}")
_INSTANCES = TypeAdapter(list[InstanceView])


class Login(Protocol):
    """Somebody who has logged in. Each question is asked anew, so rights that end end here."""

    @property
    def username(self) -> str:
        """Their name at the hub."""
        ...

    @property
    def road(self) -> str:
        """`key` or `token`."""
        ...

    async def ticket(self, instance: str, start: bool) -> SshTicketView:
        """A ticket for an instance; without one while it starts. `RemoteError` is a refusal."""
        ...

    async def instances(self) -> list[InstanceView]:
        """Those that they may enter."""
        ...


class ControlCalls:
    """Control's routes; `RemoteError` where it refuses, `Unavailable` where it does not answer."""

    def __init__(self, settings: Settings, token: str) -> None:
        self._prefix = settings.service_prefix
        self._token = token
        self._http = httpx.AsyncClient(
            base_url=settings.control_url, timeout=TIMEOUT, trust_env=False
        )
        self._checks = asyncio.Semaphore(STRANGERS_AT_ONCE)

    async def close(self) -> None:
        """End the connections."""
        await self._http.aclose()

    async def key_login(self, username: str, line: str) -> Login | None:
        """The login of a user with this public key; None when it is not registered as theirs."""
        login = KeyLogin(self, username, line)
        try:
            public_key(line)
            asked = GatewayUser(username=username, public_key=line)
        except (Invalid, ValueError):
            return None
        async with self._checks:
            known = await _unless_refused(self.internal("users", asked))
        return login if known is not None else None

    async def token_login(self, username: str, token: str) -> Login | None:
        """The login of the user whose own token this is; None for all others, and for a token
        that speaks for one instance only."""
        if not _TOKEN.fullmatch(token):
            return None
        async with self._checks:
            answer = await _unless_refused(self.public("GET", "me", token))
        if answer is None:
            return None
        me = Me.model_validate(answer.json())
        if me.name != username or me.instance_id is not None:
            return None
        return TokenLogin(self, username, token)

    async def internal(self, path: str, body: BaseModel) -> httpx.Response:
        """A route for the gateway alone, which names who proved a key."""
        return await self._send("POST", f"/internal/gateway/{path}", self._token, body)

    async def public(
        self, method: str, path: str, token: str, body: BaseModel | None = None
    ) -> httpx.Response:
        """A route of the public API, with a user's own token."""
        return await self._send(method, f"{self._prefix}api/{path}", token, body)

    async def _send(
        self, method: str, path: str, token: str, body: BaseModel | None
    ) -> httpx.Response:
        content = None if body is None else body.model_dump(mode="json")
        headers = {"Authorization": f"Bearer {token}"}
        try:
            answer = await self._http.request(method, path, json=content, headers=headers)
        except httpx.HTTPError as error:
            raise Unavailable("The workbench does not answer.", "Try again in a moment.") from error
        if answer.status_code >= 400:
            raise _refusal(answer)
        return answer


@dataclass(frozen=True)
class KeyLogin:
    """With a registered public key; `public_key` is its line without a comment."""

    _control: ControlCalls
    username: str
    public_key: str
    road: str = "key"

    async def ticket(self, instance: str, start: bool) -> SshTicketView:
        """As `Login`; control looks the key up again."""
        ask = GatewayTicketAsk(
            username=self.username,
            public_key=self.public_key,
            instance=instance,
            start=start,
        )
        answer = await self._control.internal("tickets", ask)
        return SshTicketView.model_validate(answer.json())

    async def instances(self) -> list[InstanceView]:
        """As `Login`."""
        user = GatewayUser(username=self.username, public_key=self.public_key)
        answer = await self._control.internal("instances", user)
        return _INSTANCES.validate_python(answer.json())


@dataclass(frozen=True)
class TokenLogin:
    """With a hub token of the user's own, which lives as long as the connection."""

    _control: ControlCalls
    username: str
    token: str = field(repr=False)
    road: str = "token"

    async def ticket(self, instance: str, start: bool) -> SshTicketView:
        """As `Login`."""
        ask = SshTicketAsk(instance=instance, start=start)
        answer = await self._control.public("POST", "ssh/tickets", self.token, ask)
        return SshTicketView.model_validate(answer.json())

    async def instances(self) -> list[InstanceView]:
        """As `Login`."""
        found: list[InstanceView] = []
        for query in ("", "&shared=true"):
            path = f"instances?limit=1000{query}"
            answer = await self._control.public("GET", path, self.token)
            found += _INSTANCES.validate_python(answer.json()["items"])
        return [item for item in found if item.access in (None, Access.FULL)]


async def _unless_refused(asking: Any) -> httpx.Response | None:
    try:
        answer: httpx.Response = await asking
    except RemoteError as error:
        if error.status in (401, 403, 404, 422):
            return None
        raise
    return answer


def _refusal(answer: httpx.Response) -> RemoteError | Unavailable:
    try:
        problem = answer.json()
        code, detail = str(problem["code"]), str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        code, detail = "unknown", f"The workbench answered {answer.status_code}."
    if answer.status_code >= 500:
        return Unavailable(detail)
    return RemoteError(answer.status_code, code, detail)
