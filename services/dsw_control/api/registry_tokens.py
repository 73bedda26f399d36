"""The token service of the installation's own registry, for engines and helpers of this host."""

from __future__ import annotations

import base64
import binascii
import hmac
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import JSONResponse

from dsw.errors import NotFound
from dsw_control.api.dependencies import ControlDep
from dsw_control.context import Control
from dsw_control.registry_tokens import PATH, SERVICE, Grant, asked, below, signer_for, within
from dsw_control.transfer_access import grants_of

router = APIRouter(include_in_schema=False)

ASK = {"WWW-Authenticate": 'Basic realm="dsw"', "Cache-Control": "no-store"}


@router.get(f"/{PATH}")
async def get_token(
    request: Request,
    control: ControlDep,
    service: Annotated[str, Query(max_length=100)] = SERVICE,
    scope: Annotated[list[str], Query(max_length=20)] = [],  # noqa: B006
) -> Response:
    """Docker's token protocol: a token for what is asked for and allowed, which may be nothing."""
    signer = signer_for(control.settings)
    if signer is None or service != SERVICE or "x-forwarded-for" in request.headers:
        # People come through the proxy; no engine does, and addresses tell engines apart.
        raise NotFound("There is no such token service.")
    address = request.client.host if request.client else ""
    if wait := control.registry_guesses.wait(address, control.clock()):
        return _refused(429, "Too many wrong passwords.", {"Retry-After": str(wait)})
    username, password = _login(request)
    allowed = await _allowed(control, username, password, asked(scope))
    if allowed is None:
        if username or password:
            control.registry_guesses.note(address, control.clock())
        return _refused(401, "User name or password is wrong.", ASK)
    token = signer.token(username, allowed)
    content = {
        "token": token.text,
        "access_token": token.text,
        "expires_in": token.seconds,
        "issued_at": datetime.now(UTC).isoformat(),
    }
    return JSONResponse(content, headers={"Cache-Control": "no-store"})


async def _allowed(
    control: Control, username: str, password: str, grants: list[Grant]
) -> list[Grant] | None:
    """What of the wanted is allowed; None for a wrong login."""
    own = control.settings.registry
    if own.username and hmac.compare_digest(username.encode(), own.username.encode()):
        right = hmac.compare_digest(password.encode(), control.registry_password.encode())
        return below(own, grants) if right and password else None
    theirs = await grants_of(control, username, password)
    return None if theirs is None else within(grants, theirs)


def _login(request: Request) -> tuple[str, str]:
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        username, _, password = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return username, password


def _refused(status: int, sentence: str, headers: dict[str, str]) -> Response:
    error = {"code": "UNAUTHORIZED" if status == 401 else "TOOMANYREQUESTS", "message": sentence}
    content = {"errors": [error]}
    return JSONResponse(content, status, headers={"Cache-Control": "no-store", **headers})
