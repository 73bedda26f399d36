"""Where the proxy leads requests to hosts and paths without a server, when users have origins of
their own: hub and control answer on the workbench's own host alone.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from dsw import origins
from dsw_control.api.dependencies import ControlDep

router = APIRouter(include_in_schema=False)

PATH = "/elsewhere"
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
NOT_RUNNING = 424
"""What the hub answers for a server that does not run; JupyterLab knows it."""
LOADED = frozenset({"navigate", "no-cors"})
"""Values of `Sec-Fetch-Mode`: pages, and what pages show. Scripts fetch by the other ones."""

SOON = """\
<!DOCTYPE html>
<meta charset="utf-8">
<meta http-equiv="refresh" content="2">
<title>Starting</title>
<p>The workbench is starting. This page loads itself again.</p>
"""


@router.api_route(PATH + "{path:path}", methods=METHODS)
async def elsewhere(request: Request, control: ControlDep, path: str) -> Response:
    """A page goes on at the workbench's own host, where the hub says what became of the server;
    anything else learns that nothing runs here."""
    hub = control.settings.hub
    host = request.headers.get("host", "").rpartition(":")[0] or request.headers.get("host", "")
    if host == origins.domain(hub):
        # The proxy has no route to the hub yet.
        return HTMLResponse(SOON, status_code=503, headers={"Retry-After": "2"})
    if hub.subdomain_host and request.method in ("GET", "HEAD") and _shows(request):
        return RedirectResponse(f"{hub.subdomain_host}{_target(request)}", status_code=302)
    sentence = "No instance runs at this address. Start it in the console."
    return JSONResponse({"message": sentence}, status_code=NOT_RUNNING)


def _shows(request: Request) -> bool:
    """Whether a browser is about to show the answer."""
    mode = request.headers.get("sec-fetch-mode")
    if mode is None:
        return "text/html" in request.headers.get("accept", "")
    return mode in LOADED


def _target(request: Request) -> str:
    """Path and query as they were sent; a path that begins with one slash stays on its host."""
    raw: bytes = request.scope["raw_path"]
    path = "/" + raw.decode("ascii", "replace").removeprefix(PATH).lstrip("/")
    return f"{path}?{request.url.query}" if request.url.query else path
