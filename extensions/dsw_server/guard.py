"""The door of the server: its owner may do all, visitors what was shared with them, others nothing.

It stands where every request is identified, because not every handler asks an authorizer
(jupyter-server-proxy's do not). What visitors have open is looked after until it ends, so that a
revoked share also ends terminals, kernels' channels and downloads.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any
from weakref import WeakSet

from tornado import web

from dsw.errors import DswError, Unavailable
from dsw_server.lately import FRESH
from dsw_server.viewing import may_view
from dsw_server.visitors import Visitors

INSTANCE_SCOPE = "custom:dsw:instance!server="
POLICY_VIOLATION = 1008
"""The close code of a websocket whose user may not use it."""

NOT_SHARED = "This instance is not shared with you. Ask its owner to share it in the console."
VIEW_ONLY = (
    "You have view access to this instance: you can look at files and notebooks, but not run, "
    "save or change anything. Its owner can give you full access in the console."
)
INSIDE_ONLY = "The token of an instance is for use inside it. Log in as yourself."


class Guard:
    """Takes the place of `get_user` and `page_config_hook` of the server's identity provider."""

    def __init__(self, serverapp: Any, visitors: Visitors, owner: str) -> None:
        self._log, self._base_url = serverapp.log, serverapp.base_url
        self._visitors, self._owner = visitors, owner
        self._open: dict[str, WeakSet[Any]] = {}
        self._introduction: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None
        provider = serverapp.identity_provider
        self._identify, provider.get_user = provider.get_user, self.get_user
        self._page_config = provider.page_config_hook
        provider.page_config_hook = self.page_config_hook

    def start(self) -> None:
        """Let control know that visitors are guarded here: it shares with no other server."""
        self._introduction = asyncio.create_task(self._introduce())

    def stop(self) -> None:
        """Look after nothing any more."""
        for task in (self._introduction, self._watch):
            if task is not None:
                task.cancel()

    async def _introduce(self) -> None:
        # Not at once: the server's start has better use for the CPU.
        known = False
        while not known:
            await asyncio.sleep(FRESH)
            with suppress(DswError):
                await self._visitors.access("")
                known = True

    async def get_user(self, handler: Any) -> Any:
        """The user of a request, when they may make it; answers 403 or 503 otherwise."""
        user = await self._identify(handler)
        if user is None:
            return None
        try:
            refusal = await self._refusal(handler, user.hub_user)
        except Unavailable as error:
            _refuse(handler, 503, error.sentence)
        if refusal:
            _refuse(handler, 403, refusal)
        return user

    async def _refusal(self, handler: Any, user: dict[str, Any]) -> str:
        name = str(user["name"])
        if user.get("kind") == "user" and name == self._owner:
            return INSIDE_ONLY if _is_taken_outside(handler, user) else ""
        if user.get("kind") != "user":
            return NOT_SHARED
        handler.dsw_access = await self._visitors.access(name)
        refusal = self._limit(handler, handler.dsw_access)
        if not refusal:
            self._look_after(name, handler)
        return refusal

    def _limit(self, handler: Any, access: str | None) -> str:
        """Why this access does not cover the handler's request."""
        if access == "full":
            return ""
        if access != "view":
            return NOT_SHARED
        request = handler.request
        upgrade = "Upgrade" in request.headers
        path = "/" + request.path.removeprefix(self._base_url)
        return "" if may_view(request.method, path) and not upgrade else VIEW_ONLY

    def page_config_hook(self, handler: Any, page_config: dict[str, Any]) -> dict[str, Any]:
        """Lab for a viewer does not try to start kernels."""
        page_config = self._page_config(handler, page_config)
        if getattr(handler, "dsw_access", None) == "view":
            page_config["notebookStartsKernel"] = "false"
        return page_config

    def _look_after(self, name: str, handler: Any) -> None:
        self._open.setdefault(name, WeakSet()).add(handler)
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self._watch_visitors())

    async def _watch_visitors(self) -> None:
        """Until no visitor has anything open, ask again what they may, and end the rest."""
        while self._open:
            await asyncio.sleep(FRESH)
            for name in list(self._open):
                await self._check(name)

    async def _check(self, name: str) -> None:
        handlers = [handler for handler in self._open[name] if _is_open(handler)]
        if not handlers:
            del self._open[name]
            return
        try:
            # A little less than the period, or each second turn would trust the answer before.
            access = await self._visitors.access(name, within=FRESH / 2)
        except DswError:
            access = None
        for handler in handlers:
            if self._limit(handler, access):
                self._log.info("Ended what %s had open: %s", name, handler.request.path)
                _cut(handler)


def _is_taken_outside(handler: Any, user: dict[str, Any]) -> bool:
    """Whether this is the instance's own token and comes through the proxy: whoever had full
    access may have read it, and would come back as the owner."""
    own = any(str(scope).startswith(INSTANCE_SCOPE) for scope in user.get("scopes") or ())
    return own and "X-Forwarded-For" in handler.request.headers


def _refuse(handler: Any, status: int, sentence: str) -> None:
    # Error pages ask for the user; from here on there is none.
    handler.current_user = handler._jupyter_current_user = None
    raise web.HTTPError(status, sentence)


def _is_open(handler: Any) -> bool:
    if getattr(handler, "ws_connection", None) is not None:
        return True
    stream = handler.request.connection.stream
    return not (handler._finished or stream is None or stream.closed())


def _cut(handler: Any) -> None:
    """End it now: a websocket is told why, but its client is not asked to agree."""
    websocket = getattr(handler, "ws_connection", None)
    if websocket is None:
        handler.request.connection.close()
        return
    handler.close(POLICY_VIOLATION, "Your access to this instance has ended.")
    websocket.stream.close()
