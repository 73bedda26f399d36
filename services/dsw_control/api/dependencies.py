"""What routes are given: the control process, and the caller that a request speaks for."""

from __future__ import annotations

import hmac
from typing import Annotated, Any

from fastapi import Depends, Request

from dsw.errors import NotAuthenticated
from dsw.roles import Action
from dsw_control.auth import Caller, Session, check_xsrf
from dsw_control.context import Control
from dsw_control.tenancy import workspaces

SESSION_COOKIE = "dsw-session"
XSRF_COOKIE = "dsw-xsrf"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def get_control(request: Request) -> Control:
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
    return control.auth.session(request.cookies.get(SESSION_COOKIE))


async def get_caller(request: Request, control: ControlDep) -> Caller:
    """The caller, by token or by session cookie; a cookie needs the XSRF header for changes."""
    token = bearer(request)
    if token is None:
        session = session_of(request, control)
        if session is None:
            raise NotAuthenticated(
                "You are not logged in.", f"Log in at {control.settings.service_prefix}login"
            )
        if request.method not in SAFE:
            check_xsrf(session, request.headers.get("x-dsw-xsrf"))
        token = session.token
    caller = await control.auth.caller(token)
    request.state.caller = caller
    if caller.server is None:
        await workspaces.welcome(control, caller.name)
    return caller


CallerDep = Annotated[Caller, Depends(get_caller)]


def require_spawner(request: Request, control: ControlDep) -> None:
    """Only the hub knows this token."""
    token = bearer(request) or ""
    if not hmac.compare_digest(token.encode(), control.spawner_token.encode()):
        raise NotAuthenticated("This route is for the hub.")


def does(action: Action) -> dict[str, Any]:
    """What a route is for, as arguments of its decorator: `@router.get(path, **does(action))`.

    The use case checks it; here it is named, for the API's document and for the audit log.
    """

    async def name(request: Request) -> None:
        request.state.action = action

    return {
        "dependencies": [Depends(name)],
        "openapi_extra": {"x-dsw-action": action.value},
    }
