"""The hub's OAuth login for browsers, with PKCE, and the console's files."""

from __future__ import annotations

import base64
import hashlib
import secrets
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, RedirectResponse, Response

from dsw.errors import NotAuthenticated, NotFound, Unavailable
from dsw_control.api.browsers import (
    SESSION_COOKIE,
    STATE_COOKIE,
    XSRF_COOKIE,
    cookie,
    delete_cookie,
    is_from_elsewhere,
    set_cookie,
)
from dsw_control.api.dependencies import ControlDep, caller_of_token, session_of
from dsw_control.auth import SESSION_SECONDS
from dsw_control.context import Control

router = APIRouter(include_in_schema=False)

STATIC = Path(__file__).parents[1] / "static"
CLIENT_ID = "service-dsw"
STATE_SECONDS = 600
CSP = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; object-src 'none'; base-uri 'self'; frame-ancestors 'self'"
)


@router.get("/login")
async def login(request: Request, control: ControlDep, next: str = "") -> Response:
    """Send the browser to the hub, which sends it back to `oauth_callback`."""
    prefix = control.settings.service_prefix
    verifier = secrets.token_urlsafe(48)
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    state = secrets.token_urlsafe(24)
    query = urlencode(
        {
            "client_id": CLIENT_ID,
            "redirect_uri": _redirect_uri(control),
            "response_type": "code",
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
    )
    answer = RedirectResponse(
        f"{control.settings.hub.base_url}hub/api/oauth2/authorize?{query}", status_code=302
    )
    kept = {"state": state, "verifier": verifier, "next": safe_next(prefix, next)}
    state_cookie = (STATE_COOKIE, control.auth.seal(kept))
    set_cookie(request, control.settings, answer, state_cookie, STATE_SECONDS)
    return answer


@router.get("/oauth_callback")
async def oauth_callback(
    request: Request, control: ControlDep, code: str = "", state: str = "", error: str = ""
) -> Response:
    """The hub sends the browser back with a code; it becomes a session."""
    kept = control.auth.unseal(cookie(request, control.settings, STATE_COOKIE), STATE_SECONDS)
    if kept is None or not secrets.compare_digest(kept["state"].encode(), state.encode()):
        # An old tab, or another page's attempt: begin anew.
        return RedirectResponse(f"{control.settings.service_prefix}login", status_code=302)
    if error or not code:
        raise NotAuthenticated("The hub did not log you in.", "Ask an administrator for access.")
    token = await control.hub.token_for_code(
        {
            "client_id": CLIENT_ID,
            "client_secret": control.hub.token,
            "grant_type": "authorization_code",
            "code": code,
            "code_verifier": kept["verifier"],
            "redirect_uri": _redirect_uri(control),
        }
    )
    await caller_of_token(control, token)
    session = control.auth.new_session(token)
    answer = RedirectResponse(kept["next"], status_code=302)
    sealed = control.auth.seal(session.model_dump())
    for kept_cookie in ((SESSION_COOKIE, sealed), (XSRF_COOKIE, session.xsrf)):
        set_cookie(request, control.settings, answer, kept_cookie, SESSION_SECONDS)
    delete_cookie(control.settings, answer, STATE_COOKIE)
    return answer


@router.get("/logout")
async def logout(request: Request, control: ControlDep) -> Response:
    """Forget the session, then let the hub end its own."""
    if is_from_elsewhere(request, control.settings):
        return RedirectResponse(control.settings.service_prefix, status_code=302)
    session = session_of(request, control)
    if session is not None:
        control.auth.forget(session.token)
    answer = RedirectResponse(f"{control.settings.hub.base_url}hub/logout", status_code=302)
    for name in (SESSION_COOKIE, XSRF_COOKIE):
        delete_cookie(control.settings, answer, name)
    return answer


@router.get("/")
async def console() -> Response:
    """The console's page. It logs in by itself, so that what stands after the # is kept."""
    return console_file("index.html")


@router.get("/{path:path}")
async def console_asset(path: str) -> Response:
    """A file of the console; nothing secret is among them."""
    return console_file(path)


def console_file(path: str) -> Response:
    """A file below `static`, and nothing outside of it."""
    file = (STATIC / path).resolve()
    if not file.is_relative_to(STATIC.resolve()) or not file.is_file():
        if path == "index.html":
            raise Unavailable(
                "The console is not built.", "Run scripts/build-js, then load this page again."
            )
        raise NotFound(f"There is no page {path[:80]!r}.")
    headers = {"Content-Security-Policy": CSP, "X-Content-Type-Options": "nosniff"}
    hashed = path.startswith("assets/")
    headers["Cache-Control"] = "public, max-age=31536000, immutable" if hashed else "no-cache"
    return FileResponse(file, headers=headers)


def safe_next(prefix: str, target: str) -> str:
    """Where to go after the login: a path of this service, or its first page."""
    parts = urlsplit(target)
    clean = not parts.scheme and not parts.netloc and "\\" not in target
    return target if clean and target.startswith(prefix) and "//" not in target else prefix


def _redirect_uri(control: Control) -> str:
    """As the hub made it for this service: a path where all users share one origin."""
    settings = control.settings
    return f"{settings.hub.subdomain_host}{settings.service_prefix}oauth_callback"
