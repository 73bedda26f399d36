"""What routes are given: the control process, and the caller that a request speaks for."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from fastapi import Depends, Header, Query, Request

from dsw.errors import Invalid, NotAuthenticated
from dsw.roles import Action
from dsw_control.api.browsers import SAFE, SESSION_COOKIE, cookie, refuse_elsewhere
from dsw_control.auth import Caller, Session, check_xsrf
from dsw_control.context import Control
from dsw_control.records.idempotency import Once, request_hash
from dsw_control.store.paging import CURSOR_MAX, PageRequest
from dsw_control.tenancy import workspaces

_ONCE_KEY = re.compile(r"[\x21-\x7e]{1,255}")


async def get_control(request: Request) -> Control:
    """The control process that serves this request."""
    control: Control = request.app.state.control
    return control


ControlDep = Annotated[Control, Depends(get_control)]


def bearer(request: Request) -> str | None:
    """The token of the Authorization header (`Bearer` or JupyterHub's `token`)."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() in ("bearer", "token") and token else None


def session_of(request: Request, control: Control) -> Session | None:
    """The session of a browser."""
    return control.auth.session(cookie(request, control.settings, SESSION_COOKIE))


async def get_caller(request: Request, control: ControlDep) -> Caller:
    """The caller, by token or by session cookie; a cookie needs the XSRF header for changes."""
    token = bearer(request)
    if token is None:
        session = session_of(request, control)
        if session is None:
            raise NotAuthenticated(
                "You are not logged in.", f"Log in at {control.settings.service_prefix}login"
            )
        refuse_elsewhere(request, control.settings)
        if request.method not in SAFE:
            check_xsrf(session, request.headers.get("x-dsw-xsrf"))
        token = session.token
    request.state.caller = caller = await caller_of_token(control, token)
    return caller


async def caller_of_token(control: Control, token: str) -> Caller:
    """Whom a hub token speaks for; a user who is seen for the first time is welcomed."""
    return await control.auth.caller(token, partial(workspaces.welcome, control))


CallerDep = Annotated[Caller, Depends(get_caller)]


async def get_page(
    limit: Annotated[int, Query(ge=1, le=1000, description="At most so many items.")] = 200,
    cursor: Annotated[
        str | None, Query(max_length=CURSOR_MAX, description="`next` of the page before.")
    ] = None,
) -> PageRequest:
    """Which part of a list is asked for."""
    return PageRequest(limit=limit, cursor=cursor)


PageDep = Annotated[PageRequest, Depends(get_page)]


async def get_once(
    request: Request,
    caller: CallerDep,
    idempotency_key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            description="1 to 255 visible ASCII characters. The same key makes it once.",
        ),
    ] = None,
) -> Once | None:
    """The request as one that is done once, when it carries a key."""
    if idempotency_key is None:
        return None
    if not _ONCE_KEY.fullmatch(idempotency_key):
        raise Invalid(
            "The Idempotency-Key cannot be used.",
            "It has 1 to 255 visible ASCII characters; a UUID is a good one.",
        )
    asked = request_hash(request.method, request.url.path, await request.body())
    return Once(username=caller.name, key=idempotency_key, request=asked)


OnceDep = Annotated[Once | None, Depends(get_once)]


async def require_spawner(request: Request, control: ControlDep) -> None:
    """Only the hub knows this token."""
    _require_token(request, control.spawner_token, "This route is for the hub.")


async def require_gateway(request: Request, control: ControlDep) -> None:
    """Only the SSH gateway knows this token."""
    _require_token(request, control.gateway_token, "This route is for the SSH gateway.")


def _require_token(request: Request, expected: str, message: str) -> None:
    if not hmac.compare_digest((bearer(request) or "").encode(), expected.encode()):
        raise NotAuthenticated(message)


def does(action: Action, *needed: Callable[..., Any]) -> dict[str, Any]:
    """What a route is for, as arguments of its decorator: `@router.get(path, **does(action))`.

    The use case checks it; here it is named, for the API's document and for the audit log.
    `needed` are dependencies whose result the route does not take.
    """

    async def name(request: Request) -> None:
        request.state.action = action

    return {
        "dependencies": [Depends(each) for each in (name, *needed)],
        "openapi_extra": {"x-dsw-action": action.value},
    }
