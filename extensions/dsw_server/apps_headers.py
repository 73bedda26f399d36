"""What of a request must not reach a program in the instance, and what of its answer not a browser.

The server's own cookies and tokens open the whole instance, and its cookies are sent to whatever is
below its path.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from urllib.parse import unquote_plus

PREFIXES = ("jupyterhub-", "dsw-", "username-")
"""Cookies of the hub and its servers, of control, and of a Jupyter server without a hub."""

XSRF = "_xsrf"

NOT_FOR_BROWSERS = frozenset(
    {"clear-site-data", "service-worker-allowed", "strict-transport-security"}
)
"""They are about the whole origin, which an app shares with the server."""


def is_the_servers(name: str) -> bool:
    """Whether a cookie of this name belongs to hub, control or server."""
    bare = name.strip().removeprefix("__Host-").removeprefix("__Secure-")
    return bare == XSRF or bare.startswith(PREFIXES)


def hide_credentials(headers: MutableMapping[str, str], by_token: bool) -> None:
    """Take the server's cookies out, and, where the request was let in by a token, the token."""
    pairs = [pair.strip() for pair in headers.pop("Cookie", "").split(";")]
    own = [pair for pair in pairs if pair and not is_the_servers(pair.partition("=")[0])]
    if own:
        headers["Cookie"] = "; ".join(own)
    if by_token and is_token(headers.get("Authorization", "")):
        del headers["Authorization"]


def is_token(authorization: str) -> bool:
    """Whether the server reads this header; of other schemes an app may make its own use."""
    return authorization.partition(" ")[0].lower() in ("token", "bearer")


def without_token(uri: str) -> str:
    """The URI without the parameter by which a request was let in."""
    path, mark, query = uri.partition("?")
    kept = [part for part in query.split("&") if unquote_plus(part.partition("=")[0]) != "token"]
    return f"{path}{mark}{'&'.join(kept)}" if any(kept) else path


def own_cookie(line: str, prefix: str, absolute: bool) -> str | None:
    """A `Set-Cookie` line of an app as the browser gets it: sent back to this app alone, which is
    below the path `prefix`. None for a cookie of the server's.

    `absolute`: the app knows its prefix, and so do the paths that it names.
    """
    pair, *attributes = (part.strip() for part in line.split(";"))
    if is_the_servers(pair.partition("=")[0]):
        return None
    path, kept = "/", []
    for attribute in attributes:
        name, _, value = attribute.partition("=")
        if name.strip().lower() == "path" and value.strip().startswith("/"):
            path = value.strip()
        elif name.strip().lower() not in ("path", "domain"):
            kept.append(attribute)
    if not absolute:
        path = prefix + path
    elif not f"{path}/".startswith(f"{prefix}/"):
        path = f"{prefix}/"
    return "; ".join([pair, *kept, f"Path={path}"])
