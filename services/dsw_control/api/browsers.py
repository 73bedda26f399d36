"""What a browser is trusted for: control's cookies, and requests of the console's own pages."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import Request
from starlette.responses import Response

from dsw import origins
from dsw.errors import Forbidden
from dsw.settings import Settings

SESSION_COOKIE = "dsw-session"
XSRF_COOKIE = "dsw-xsrf"
STATE_COOKIE = "dsw-login"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def cookie_name(settings: Settings, name: str) -> str:
    """The cookie's name, with the prefix that keeps other hosts from setting it where it can be."""
    return f"__Host-{name}" if origins.locks_cookies(settings.hub) else name


def cookie(request: Request, settings: Settings, name: str) -> str:
    """The value of one of control's cookies; empty without it."""
    return request.cookies.get(cookie_name(settings, name), "")


def set_cookie(
    request: Request, settings: Settings, answer: Response, cookie: tuple[str, str], seconds: int
) -> None:
    """Give the browser a cookie of control. Scripts read the XSRF token alone."""
    name, value = cookie
    answer.set_cookie(
        cookie_name(settings, name),
        value,
        max_age=seconds,
        path=_path(settings),
        httponly=name != XSRF_COOKIE,
        secure=_is_https(request, settings),
        samesite="lax",
    )


def delete_cookie(settings: Settings, answer: Response, name: str) -> None:
    """Take a cookie of control from the browser."""
    locked = origins.locks_cookies(settings.hub)
    answer.delete_cookie(cookie_name(settings, name), path=_path(settings), secure=locked)


def is_from_elsewhere(request: Request, settings: Settings) -> bool:
    """Whether a page of another origin made the request. A link that somebody follows to read
    is none."""
    headers = request.headers
    origin = headers.get("origin")
    if origin is not None:
        own = {headers.get("host", ""), urlsplit(origins.public_url(settings.hub)).netloc}
        if (urlsplit(origin).netloc or origin) not in own:
            return True
    followed = request.method in SAFE and headers.get("sec-fetch-mode") == "navigate"
    return headers.get("sec-fetch-site") in origins.OTHERS and not followed


def refuse_elsewhere(request: Request, settings: Settings) -> None:
    """`Forbidden` when a page of another origin asks with the cookies of whoever looks at it."""
    if is_from_elsewhere(request, settings):
        raise Forbidden(
            "The request comes from a page of another origin.",
            "Use the console's own page, or a token.",
        )


def _path(settings: Settings) -> str:
    return "/" if origins.locks_cookies(settings.hub) else settings.service_prefix


def _is_https(request: Request, settings: Settings) -> bool:
    forwarded = request.headers.get("x-forwarded-proto", request.url.scheme)
    return origins.is_https(settings.hub) or forwarded.split(",")[0].strip() == "https"
