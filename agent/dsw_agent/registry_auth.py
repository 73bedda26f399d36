"""How the agent proves to a registry who it is: a token from a file, a password, or a token that
the registry's realm gives for that.

Nothing of it goes to another host than the registry (but the password to the realm that the
registry itself names), nor over plain http except to this machine.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path

import httpx

from dsw.agent import AgentTarget

_PARAMETER = re.compile(r'(\w+)="([^"]*)"')


class RegistryAuth(httpx.Auth):
    """Answers a registry's challenge once and keeps the answer until the next challenge."""

    requires_response_body = True

    def __init__(self, registry: httpx.URL, target: AgentTarget) -> None:
        self._registry = registry
        self._basic = httpx.BasicAuth(target.username, target.password) if target.username else None
        self._file = Path(target.token_file) if target.token_file else None
        self._header = ""

    @property
    def renewable(self) -> bool:
        """Whether somebody writes new tokens, so that a refused one may be worth waiting."""
        return self._file is not None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send; when challenged, get a credential and send once more."""
        if not same_origin(request.url, self._registry):
            yield request
            return
        if not self._header and self._file:
            self._header = self._from_file()
        if self._header:
            request.headers["Authorization"] = self._header
        answer = yield request
        # The one who challenges has to be the registry, not where it sent a reader of blobs.
        if answer.status_code != 401 or not same_origin(answer.request.url, self._registry):
            return
        before, self._header = self._header, ""
        if self._file:
            self._header = self._from_file()
        else:
            yield from self._meet(answer.headers.get("WWW-Authenticate", ""), request)
        if self._header not in ("", before):
            request.headers["Authorization"] = self._header
            yield request

    def _from_file(self) -> str:
        assert self._file is not None  # noqa: S101
        try:
            return f"Bearer {self._file.read_text().strip()}"
        except OSError:
            return ""

    def _meet(
        self, challenge: str, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        scheme, _, rest = challenge.partition(" ")
        if scheme.lower() == "basic" and self._basic:
            self._header = self._signed(request).headers["Authorization"]
        elif scheme.lower() == "bearer":
            named = dict(_PARAMETER.findall(rest))
            with suppress(httpx.InvalidURL):
                realm = httpx.URL(named.pop("realm", ""))
                if is_private(realm):
                    self._header = _bearer((yield self._token_request(realm, named, request)))

    def _token_request(
        self, realm: httpx.URL, named: dict[str, str], request: httpx.Request
    ) -> httpx.Request:
        asked = {key: value for key, value in named.items() if key in ("service", "scope")}
        url = realm.copy_merge_params(asked)
        asking = httpx.Request("GET", url, extensions=request.extensions)
        return self._signed(asking) if self._basic else asking

    def _signed(self, request: httpx.Request) -> httpx.Request:
        assert self._basic is not None  # noqa: S101
        return next(self._basic.auth_flow(request))


def _bearer(told: httpx.Response) -> str:
    try:
        body = told.raise_for_status().json()
        return f"Bearer {body.get('token') or body['access_token']}"
    except (httpx.HTTPStatusError, ValueError, KeyError, AttributeError):
        return ""


def same_origin(one: httpx.URL, other: httpx.URL) -> bool:
    """Whether two addresses have scheme, host and port in common."""
    return (one.scheme, one.host, one.port) == (other.scheme, other.host, other.port)


def is_private(url: httpx.URL) -> bool:
    """Whether nobody between can read along: TLS, or not leaving this machine."""
    if url.scheme == "https" or url.host == "localhost":
        return True
    try:
        return ipaddress.ip_address(url.host).is_loopback
    except ValueError:
        return False
