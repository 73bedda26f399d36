"""How the agent proves to a registry who it is: basic, or with a token from the realm it names."""

from __future__ import annotations

import re
from collections.abc import Generator

import httpx

_PARAMETER = re.compile(r'(\w+)="([^"]*)"')


class RegistryAuth(httpx.Auth):
    """Answers a registry's challenge once and keeps the answer until the next challenge."""

    requires_response_body = True

    def __init__(self, username: str, password: str) -> None:
        self._basic = httpx.BasicAuth(username, password) if username else None
        self._header = ""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send; when challenged, get a credential and send once more."""
        if self._header:
            request.headers["Authorization"] = self._header
        answer = yield request
        challenge = answer.headers.get("WWW-Authenticate", "")
        if answer.status_code != 401 or not challenge:
            return
        scheme, _, rest = challenge.partition(" ")
        if scheme.lower() == "bearer":
            asking = self._token_request(dict(_PARAMETER.findall(rest)))
            told = yield asking
            if told.status_code != 200:
                return
            body = told.json()
            self._header = f"Bearer {body.get('token') or body.get('access_token', '')}"
        elif self._basic:
            self._header = self._signed(request).headers["Authorization"]
        else:
            return
        request.headers["Authorization"] = self._header
        yield request

    def _token_request(self, challenge: dict[str, str]) -> httpx.Request:
        realm = challenge.pop("realm", "")
        asked = {key: value for key, value in challenge.items() if key in ("service", "scope")}
        request = httpx.Request("GET", realm, params=asked)
        return self._signed(request) if self._basic else request

    def _signed(self, request: httpx.Request) -> httpx.Request:
        assert self._basic is not None  # noqa: S101
        return next(self._basic.auth_flow(request))
