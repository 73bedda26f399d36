"""Who is calling: a hub token or control's own session cookie, turned into a `Caller`."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Awaitable, Callable
from itertools import islice
from typing import Any

from cryptography.fernet import Fernet, InvalidToken

from dsw.base import Model
from dsw.errors import Forbidden, NotAuthenticated
from dsw_control.hub import Hub

CACHE_SECONDS = 3.0
SESSION_SECONDS = 14 * 24 * 3600
USER_SCOPE = "access:services"
INSTANCE_SCOPE = "custom:dsw:instance"

Welcome = Callable[[str], Awaitable[None]]


class Caller(Model):
    """A user of the hub, or one instance that acts for its owner.

    `server` is the name of the instance's server when the token names one; such a caller may only
    do what concerns that instance.
    """

    name: str
    admin: bool = False
    server: str | None = None


class Session(Model):
    """What the encrypted cookie of a browser holds."""

    token: str
    xsrf: str


class Authenticator:
    """Asks the hub who a token belongs to, and keeps the answer for a moment: somebody whom the
    hub has locked out is locked out here within `CACHE_SECONDS`."""

    def __init__(self, hub: Hub, session_secret: str) -> None:
        self._hub = hub
        key = hashlib.sha256(session_secret.encode()).digest()
        self._fernet = Fernet(base64.urlsafe_b64encode(key))
        self._known: dict[str, tuple[float, Caller]] = {}
        self._users: dict[str, tuple[float, bool]] = {}
        self._asking: dict[str, asyncio.Task[Caller]] = {}

    async def caller(self, token: str, welcome: Welcome | None = None) -> Caller:
        """The caller behind a hub token; `NotAuthenticated` for one that the hub refuses.

        Requests that come while the hub is asked wait for the same answer. `welcome` is done with
        the name of a user whom the hub has just confirmed.
        """
        key = hashlib.sha256(token.encode()).hexdigest()
        kept = self._known.get(key)
        if kept and time.monotonic() - kept[0] < CACHE_SECONDS:
            return kept[1]
        if (asking := self._asking.get(key)) is None:
            asking = asyncio.create_task(self._ask(key, token, welcome))
            self._asking[key] = asking
            asking.add_done_callback(lambda _: self._asking.pop(key))
        return await asyncio.shield(asking)

    async def _ask(self, key: str, token: str, welcome: Welcome | None) -> Caller:
        now = time.monotonic()
        model = await self._hub.whoami(token)
        caller = caller_of(model)
        if caller.server is None:
            user = await self._hub.user(caller.name)
            if user is None:
                raise NotAuthenticated("The hub knows this user no more.", "Log in again.")
            caller = caller.model_copy(update={"admin": bool(user.get("admin"))})
            if welcome is not None:
                await welcome(caller.name)
        self._keep(key, now, caller)
        return caller

    async def is_user(self, name: str) -> bool:
        """Whether the hub has this user, for those who come without a token of its; `name` is one
        that control has a record of, so that no guesses are kept."""
        now = time.monotonic()
        moment, known = self._users.get(name, (-CACHE_SECONDS, False))
        if now - moment >= CACHE_SECONDS:
            known = await self._hub.user(name) is not None
            self._users[name] = (now, known)
        return known

    def _keep(self, key: str, now: float, caller: Caller) -> None:
        """What was kept longest comes first, so that the old is dropped without a look at all."""
        self._known.pop(key, None)
        self._known[key] = (now, caller)
        for old, (moment, _) in list(islice(self._known.items(), 2)):
            if now - moment > CACHE_SECONDS:
                del self._known[old]

    def forget(self, token: str) -> None:
        """Drop what is kept of a token, at logout."""
        self._known.pop(hashlib.sha256(token.encode()).hexdigest(), None)

    def seal(self, data: dict[str, str]) -> str:
        """A text that only control can read or make."""
        return self._fernet.encrypt(json.dumps(data).encode()).decode()

    def unseal(self, text: str, max_age: int) -> dict[str, str] | None:
        """What was sealed, unless it is older than `max_age` seconds or not ours."""
        try:
            data: dict[str, str] = json.loads(self._fernet.decrypt(text.encode(), ttl=max_age))
        except (InvalidToken, ValueError):
            return None
        return data

    def new_session(self, token: str) -> Session:
        """A session for a token that a login has just given."""
        return Session(token=token, xsrf=secrets.token_urlsafe(24))

    def session(self, cookie: str | None) -> Session | None:
        """The session in a cookie."""
        data = self.unseal(cookie, SESSION_SECONDS) if cookie else None
        return Session.model_validate(data) if data else None


def check_xsrf(session: Session, header: str | None) -> None:
    """A change by cookie must carry the header that a foreign page cannot set."""
    if not header or not hmac.compare_digest(header.encode(), session.xsrf.encode()):
        raise Forbidden(
            "The request does not come from the console's own page.",
            "Send the cookie dsw-xsrf (or __Host-dsw-xsrf) as header X-DSW-XSRF, or use a token.",
        )


def caller_of(model: dict[str, Any]) -> Caller:
    """The caller that a hub's answer to `GET /user` describes; refused without a fitting scope."""
    scopes: list[str] = model.get("scopes") or []
    if model.get("kind") == "user":
        if any(s in (USER_SCOPE, f"{USER_SCOPE}!service=dsw") for s in scopes):
            return Caller(name=model["name"])
        for scope in scopes:
            name, _, server = scope.partition("!server=")
            owner, _, server_name = server.rpartition("/")
            if name == INSTANCE_SCOPE and owner == model["name"]:
                return Caller(name=owner, server=server_name)
    raise NotAuthenticated(
        "This token gives no access to the workbench.",
        "Use one with the scope access:services!service=dsw.",
    )
