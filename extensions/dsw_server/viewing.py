"""What somebody with view access may ask of a Jupyter server: to read, and only what is listed.

A list of what may be done, not of what may not: whatever an extension adds is refused.
"""

from __future__ import annotations

import re

_NAME = r"[^/]+"
_REST = r"(?:/.*)?"

MAY_READ = (
    "/",
    # Lab's pages, and the files that make them.
    rf"/lab(?:/tree{_REST}|/workspaces{_REST})?",
    rf"/lab/extensions{_REST}",
    rf"/lab/api/(?:settings|themes|translations|listings){_REST}",
    rf"/static{_REST}",
    r"/custom/custom\.css",
    r"/favicon\.ico",
    # Folders, files and notebooks with their outputs; hidden ones the server gives to nobody.
    rf"/api/contents{_REST}",
    rf"/files{_REST}",
    # Which kernels and terminals there are, without what happens in them.
    rf"/api/(?:kernels|sessions|terminals)(?:/{_NAME})?",
    rf"/api/kernelspecs(?:/{_NAME})?",
    rf"/kernelspecs/{_NAME}/{_NAME}",
    # Who they are, and how the server does.
    r"/api(?:/me|/status)?",
    r"/dsw/api/(?:code|instance|metrics)",
    r"/log(?:in|out)",
)

_MAY_READ = re.compile("|".join(f"(?:{pattern})" for pattern in MAY_READ))


def may_view(method: str, path: str) -> bool:
    """Whether view access is enough for this request. `path` is as it was sent, without the
    server's base URL and without a query."""
    return method in ("GET", "HEAD") and _MAY_READ.fullmatch(path) is not None
