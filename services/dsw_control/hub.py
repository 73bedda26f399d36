"""What control asks of the hub, over its REST API, with control's own service token."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import httpx

from dsw.errors import Invalid, NotAuthenticated, RemoteError, Unavailable
from dsw.lifecycle import HubView


class Hub:
    """A client of one hub. Errors of the network become `Unavailable`."""

    def __init__(self, api_url: str, token: str) -> None:
        self.api_url = api_url
        self.token = token
        self._http = httpx.AsyncClient(timeout=httpx.Timeout(30, connect=5))

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def whoami(self, token: str) -> dict[str, Any]:
        """The owner and the scopes of somebody's token."""
        if not token or len(token) > 256 or not token.isascii():
            raise NotAuthenticated("The token is not known.", "Log in again.")
        answer = await self._send("GET", "/user", token=token)
        if answer.status_code in (401, 403):
            raise NotAuthenticated("The token is not known to the hub.", "Log in again.")
        model: dict[str, Any] = _checked(answer).json()
        return model

    async def user(self, name: str) -> dict[str, Any] | None:
        """A user's model with all named servers, or `None` when the hub has no such user."""
        path = f"/users/{quote(name, safe='')}"
        answer = await self._send("GET", path, params={"include_stopped_servers": "1"})
        if answer.status_code == 404:
            return None
        model: dict[str, Any] = _checked(answer).json()
        return model

    async def group(self, name: str) -> frozenset[str]:
        """The names of a group's users; none when the hub has no such group."""
        answer = await self._send("GET", f"/groups/{quote(name, safe='')}")
        if answer.status_code == 404:
            return frozenset()
        return frozenset(_checked(answer).json()["users"])

    async def users(self, **only: str) -> AsyncIterator[dict[str, Any]]:
        """The models of all users; with `state="active"` of those with a server that is up or on
        its way."""
        offset, limit = 0, 200
        while True:
            params: dict[str, str | int] = {**only, "offset": offset, "limit": limit}
            page = _checked(await self._send("GET", "/users", params=params)).json()
            for model in page:
                yield model
            if len(page) < limit:
                return
            offset += limit

    async def start(self, owner: str, name: str, attempt: int) -> None:
        """Ask for a start. That it is already starting or running is no error."""
        options = {"attempt": attempt}
        answer = await self._send("POST", _server(owner, name), json=options)
        if answer.status_code == 404:
            raise Invalid(f"The hub has no user {owner!r}.", "They must log in once.")
        if answer.status_code == 400 and _already(answer):
            return
        _checked(answer)

    async def stop(self, owner: str, name: str) -> None:
        """Ask for a stop. That it is stopped or unknown is no error."""
        answer = await self._send("DELETE", _server(owner, name))
        if answer.status_code not in (400, 404):
            _checked(answer)

    async def delete(self, owner: str, name: str) -> None:
        """Ask for a stop and for the named server to be forgotten."""
        answer = await self._send("DELETE", _server(owner, name), json={"remove": True})
        if answer.status_code != 404:
            _checked(answer)

    async def share(self, owner: str, name: str, user: str) -> None:
        """Let a user enter a server. That they may already is no error."""
        _checked(await self._send("POST", _shares(owner, name), json={"user": user}))

    async def unshare(self, owner: str, name: str, whom: str, kind: str = "user") -> None:
        """Take that back, from a `user` or a `group`; unknown servers and users are no error."""
        answer = await self._send("PATCH", _shares(owner, name), json={kind: whom})
        if answer.status_code != 404:
            _checked(answer)

    async def shares(self, owner: str) -> set[tuple[str, tuple[str, str]]]:
        """Who may enter an owner's servers: the server's name, and a kind (`user` or `group`) with
        a name."""
        found: set[tuple[str, tuple[str, str]]] = set()
        offset: int | None = 0
        while offset is not None:
            params = {"offset": offset, "limit": 200}
            answer = await self._send("GET", f"/shares/{quote(owner, safe='')}", params=params)
            if answer.status_code == 404:
                break
            page = _checked(answer).json()
            for model in page["items"]:
                kind = model["kind"]
                found.add((model["server"]["name"], (kind, model[kind]["name"])))
            following = page["_pagination"]["next"]
            offset = following and following["offset"]
        return found

    async def token_for_code(self, form: dict[str, str]) -> str:
        """The end of the OAuth login: a code for a token."""
        answer = await self._send("POST", "/oauth2/token", data=form, token="")
        if answer.status_code >= 400:
            raise NotAuthenticated("The hub did not accept the login.", "Try again.")
        token: str = answer.json()["access_token"]
        return token

    async def _send(
        self, method: str, path: str, token: str | None = None, **kwargs: Any
    ) -> httpx.Response:
        bearer = self.token if token is None else token
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        try:
            return await self._http.request(method, self.api_url + path, headers=headers, **kwargs)
        except httpx.HTTPError as error:
            raise Unavailable("The hub does not answer.", "Try again in a moment.") from error


def hub_view(model: dict[str, Any] | None, name: str) -> HubView:
    """What a user model says of one named server."""
    server = ((model or {}).get("servers") or {}).get(name)
    if server is None:
        return HubView.ABSENT
    pending = server.get("pending")
    if pending == "spawn":
        return HubView.STARTING
    if pending == "stop":
        return HubView.STOPPING
    if server.get("ready"):
        return HubView.READY
    return HubView.STOPPED if server.get("stopped", False) else HubView.STARTING


def _server(owner: str, name: str) -> str:
    return f"/users/{quote(owner, safe='')}/servers/{quote(name, safe='')}"


def _shares(owner: str, name: str) -> str:
    return f"/shares/{quote(owner, safe='')}/{quote(name, safe='')}"


def _already(answer: httpx.Response) -> bool:
    return "already" in answer.text or "pending" in answer.text


def _checked(answer: httpx.Response) -> httpx.Response:
    """The answer itself, unless it is an error."""
    if answer.status_code < 400:
        return answer
    try:
        message = str(answer.json().get("message") or answer.text)
    except ValueError:
        message = answer.text
    # 429: it starts as many servers at once as it may.
    if answer.status_code in (429, 502, 503, 504):
        raise Unavailable(f"The hub cannot do this now: {message[:500]}")
    raise RemoteError(answer.status_code, "hub_refused", message[:500])
