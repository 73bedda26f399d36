"""The way to programs in the instance: `/NAME/` to its apps, `/proxy/PORT/` to any port.

jupyter-server-proxy's handlers, with what they lack: the server's credentials stay here, answers
are passed on as they come and whatever their size, cookies stay with the app that set them, no
other host is reached, and what fails says so in a sentence.
"""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from jupyter_server_proxy.handlers import (
    AddSlashHandler,
    LocalProxyHandler,
    NamedLocalProxyHandler,
    ProxyHandler,
    RemoteProxyHandler,
)
from tornado import httputil, web
from tornado.iostream import StreamClosedError
from yarl import URL

from dsw_server.apps_headers import (
    NOT_FOR_BROWSERS,
    hide_credentials,
    is_token,
    own_cookie,
    without_token,
)
from dsw_server.apps_process import AppFailed, AppProcess

HERE = frozenset({"localhost", "127.0.0.1"})
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding"}
)
REDIRECTS = frozenset({301, 302, 303, 307, 308})
SILENCE = 600
"""Seconds without a byte after which a program is given up."""

FIELD_MAX = 65_536
INTERNAL_ERROR = 1011
REASON_MAX = 123
"""Bytes that a websocket's end can say."""

OTHER_HOST = (
    "Only programs in this instance are reached here, by localhost and a port. For another host "
    "use a terminal, or forward a port by SSH."
)
OTHER_PAGE = "A page of another origin may not send this here."


class ToProgram(ProxyHandler):  # type: ignore[misc]
    """Any request to a program, over HTTP or a websocket."""

    local_origin = False

    async def prepare(self, *args: Any, **kwargs: Any) -> None:
        """Who comes is known before anything else."""
        await super().prepare(*args, **kwargs)
        if self._finished:
            return
        self._by_token = bool(getattr(self, "_token_authenticated", False))
        if not self._by_token and self.request.method not in SAFE and not self.check_origin():
            raise web.HTTPError(403, OTHER_PAGE)
        await self.make_ready()

    async def make_ready(self) -> None:
        """What has to be so before the program is reached; raises `web.HTTPError` otherwise."""

    @property
    def title(self) -> str:
        """The program, in words."""
        return f"The program on port {self.path_args[-2]}"

    def absent(self) -> str:
        """Why it cannot be reached."""
        return (
            f"Nothing listens on port {self.path_args[-2]} of this instance. Start your program "
            "there (on localhost or on all addresses), then load this page again."
        )

    def proxy_request_headers(self) -> httputil.HTTPHeaders:
        """The request's headers, without what opens this server."""
        headers: httputil.HTTPHeaders = super().proxy_request_headers()
        hide_credentials(headers, self._by_token)
        if self.local_origin:
            host = self.host_sent()
            headers["Host"] = host
            if "Origin" in headers:
                headers["Origin"] = f"http://{host}"
        return headers

    def host_sent(self) -> str:
        """The Host that the program sees."""
        return str(self.request.host)

    def get_client_uri(self, protocol: str, host: str, port: int, proxied_path: str) -> str:
        """The program's URI; without the token, where that was how they came in."""
        uri: str = super().get_client_uri(protocol, host, port, proxied_path)
        in_header = is_token(self.request.headers.get("Authorization", ""))
        return without_token(uri) if self._by_token and not in_header else uri

    async def _proxy_buffered(
        self, host: str, port: int, proxied_path: str, body: bytes | None, client: object
    ) -> None:
        sending = asyncio.current_task()
        self._give_up = sending.cancel if sending else None
        try:
            await self._pass_on(host, port, proxied_path, body)
        except StreamClosedError:
            return
        except asyncio.CancelledError:
            if not self._gone:
                raise
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            self._fail(error)
        finally:
            self._give_up = None

    _proxy_progressive = _proxy_buffered

    _give_up: Any = None
    _gone = False

    def on_connection_close(self) -> None:
        """The program need not go on for a browser that went away."""
        self._gone = True
        if self._give_up is not None:
            self._give_up()
        super().on_connection_close()

    async def _pass_on(self, host: str, port: int, path: str, body: bytes | None) -> None:
        request = self._build_proxy_request(host, port, path, None if body is None else b"")
        async with (
            aiohttp.ClientSession(
                connector=aiohttp.UnixConnector(self.unix_socket) if self.unix_socket else None,
                timeout=aiohttp.ClientTimeout(total=None, connect=30, sock_read=SILENCE),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
                max_line_size=FIELD_MAX,
                max_field_size=FIELD_MAX,
            ) as session,
            session.request(
                self.request.method,
                URL(request.url, encoded=True),
                headers=list(request.headers.get_all()),
                data=body,
                allow_redirects=False,
            ) as answer,
        ):
            self._begin_answer(answer, host, port, path)
            await web.RequestHandler.flush(self)
            async for chunk in answer.content.iter_any():
                self._record_activity()
                self.write(chunk)
                # Not this class's own, which is not to be waited for: the browser sets the pace.
                await web.RequestHandler.flush(self)

    def _begin_answer(
        self, answer: aiohttp.ClientResponse, host: str, port: int, path: str
    ) -> None:
        self.set_status(answer.status, answer.reason)
        self._headers = httputil.HTTPHeaders()
        prefix = self._get_context_path(host, port)
        for name, value in answer.headers.items():
            lower = name.lower()
            if lower in HOP_BY_HOP or lower in NOT_FOR_BROWSERS:
                continue
            if lower == "set-cookie":
                cookie = own_cookie(value, prefix, self.absolute_url)
                if cookie is not None:
                    self.add_header(name, cookie)
            elif lower == "location" and answer.status in REDIRECTS:
                self.add_header(name, self._location(value, host, port, path))
            else:
                self.add_header(name, value)

    def _location(self, value: str, host: str, port: int, path: str) -> str:
        """Where a redirection leads, as the browser has to see it."""
        parts = urlsplit(value)
        if parts.scheme in ("http", "https") and parts.netloc == self.host_sent():
            value = parts._replace(scheme="", netloc="").geturl() or "/"
        if self.absolute_url:
            return value
        return str(self._rewrite_location_header(value, host, port, path))

    def _fail(self, error: Exception) -> None:
        self.log.info("%s: %r", self.request.path, error)
        if self._headers_written:
            # What came so far must not look as if it were all.
            self.request.connection.close()
            return
        if isinstance(error, aiohttp.ClientConnectorError):
            raise web.HTTPError(502, "%s", self.absent()) from error
        if isinstance(error, TimeoutError):
            said = f"{self.title} did not answer within {SILENCE} seconds."
            raise web.HTTPError(504, "%s", said) from error
        raise web.HTTPError(502, "%s", f"{self.title} gave no proper answer.") from error

    async def proxy_open(self, host: str, port: int, proxied_path: str = "") -> None:
        """Join the websocket to the program's; close it with the reason where that fails."""
        try:
            await super().proxy_open(host, port, proxied_path)
        except Exception as error:
            self.log.info("%s: %r", self.request.path, error)
            said = f"{self.title} takes no websocket here."
            if isinstance(error, OSError):
                said = self.absent().partition(". ")[0]
            self.close(INTERNAL_ERROR, said.encode()[:REASON_MAX].decode(errors="ignore"))


class PortHandler(ToProgram, LocalProxyHandler):  # type: ignore[misc]
    """`/proxy/PORT/` and `/proxy/absolute/PORT/`."""

    async def make_ready(self) -> None:
        """The port is one."""
        check_port(self.path_args[0])

    async def http_get(self, port: str, proxied_path: str) -> Any:
        """Relative links of a page need the slash at the end of its address."""
        if not proxied_path and not self.absolute_url:
            query = f"?{self.request.query}" if self.request.query else ""
            self.redirect(f"{self.request.path}/{query}")
            return None
        return await super().http_get(port, proxied_path)


class HostHandler(ToProgram, RemoteProxyHandler):  # type: ignore[misc]
    """`/proxy/HOST:PORT/` and its absolute variant; the host can only be this one."""

    async def make_ready(self) -> None:
        """It is, and the port is one. Jupyter's own list of hosts is not asked."""
        if self.path_args[0] not in HERE:
            raise web.HTTPError(403, OTHER_HOST)
        self.host_allowlist = list(HERE)
        check_port(self.path_args[1])


class AppHandler(ToProgram, NamedLocalProxyHandler):  # type: ignore[misc]
    """`/NAME/`: a declared app, started when it is first asked for."""

    def initialize(self, process: AppProcess) -> None:
        """Keep the app."""
        app = process.app
        self.process = process
        self.name = self.proxy_base = app.name
        self.absolute_url, self.local_origin = app.absolute, app.local_origin

    async def make_ready(self) -> None:
        """It runs, and has answered once."""
        try:
            await self.process.ensure()
        except AppFailed as error:
            raise web.HTTPError(502, "%s", str(error)) from error

    @property
    def title(self) -> str:
        """The app's title."""
        return self.process.app.title

    def absent(self) -> str:
        """It has ended a moment ago, or listens no more."""
        tail = self.process.tail
        more = f" The end of its output:\n{tail}" if tail else ""
        return f"{self.title} does not answer any more; load this page again.{more}"

    @property
    def port(self) -> int:
        """Where it listens; 0 on a socket."""
        return self.process.port

    @property
    def unix_socket(self) -> str | None:
        """Where it listens, unless that is a port."""
        return self.process.socket

    def host_sent(self) -> str:
        """That of localhost, for apps that want it so."""
        if not self.local_origin:
            return super().host_sent()
        return f"localhost:{self.port}" if self.port else "localhost"


def check_port(text: str) -> None:
    """`web.HTTPError` for a number that is no port."""
    if len(text) > 5 or not 0 < int(text) <= 65_535:
        raise web.HTTPError(400, "There is no such port: ports are 1 to 65535.")


def routes(processes: list[AppProcess]) -> list[tuple[Any, ...]]:
    """Patterns, handlers and their arguments, below the server's base URL.

    They have to be added before those of jupyter-server-proxy, which they stand in for.
    """
    found: list[tuple[Any, ...]] = []
    for process in processes:
        path = f"/{process.app.name}"
        found += [(path, AddSlashHandler), (f"{path}(/.*)", AppHandler, {"process": process})]
    for path, absolute in (("/proxy", False), ("/proxy/absolute", True)):
        how = {"absolute_url": absolute}
        found.append((rf"{path}/([^/:@]+):(\d+)(/.*|)", HostHandler, how))
        found.append((rf"{path}/(\d+)(/.*|)", PortHandler, how))
    return found
