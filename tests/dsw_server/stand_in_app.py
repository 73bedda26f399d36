"""A program with the demands that real apps have, all by their own: an echo over HTTP and
websockets, server-sent events, redirections, cookies, a check of Host like MLflow's.

`python stand_in_app.py [--port N | --socket PATH] [--host-check] [--delay S] [--die CODE]`
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

from tornado import httpserver, netutil, web, websocket

BIG = 120 * 1024 * 1024
"""More than Tornado's client holds in memory."""


class Echo(web.RequestHandler):
    """What came."""

    def initialize(self, host_check: bool) -> None:
        self.host_check = host_check

    def check_xsrf_cookie(self) -> None:
        """None."""

    def prepare(self) -> None:
        allowed = self.request.host.partition(":")[0] in ("localhost", "127.0.0.1")
        origin = self.request.headers.get("Origin", "")
        if self.host_check and (not allowed or "example" in origin):
            self.set_status(403)
            self.finish("Invalid Host header")

    def get(self) -> None:
        self.write(
            {
                "method": self.request.method,
                "uri": self.request.uri,
                "headers": {k.lower(): v for k, v in self.request.headers.get_all()},
                "body": self.request.body.decode(errors="replace"),
            }
        )

    post = put = patch = delete = options = get

    def head(self) -> None:
        self.set_header("Content-Length", "12345")


class Cookies(web.RequestHandler):
    """Tries to set cookies for more than itself."""

    def get(self) -> None:
        for line in (
            "mine=1",
            "wide=1; Path=/; Domain=example.com; HttpOnly",
            "deep=1; Path=/deep",
            "_xsrf=bad; Path=/",
            "jupyterhub-user-alice-train=bad; Path=/user/alice/train/",
            "__Host-jupyterhub-session-id=bad; Path=/; Secure",
        ):
            self.add_header("Set-Cookie", line)
        self.set_header("Service-Worker-Allowed", "/")
        self.set_header("Clear-Site-Data", '"cookies"')
        self.finish("cookies")


class Events(web.RequestHandler):
    """One event at once, and the next when somebody has called `/next`."""

    async def get(self) -> None:
        self.set_header("Content-Type", "text/event-stream")
        self.write("data: one\n\n")
        await self.flush()
        await self.settings["next"].wait()
        self.write("data: two\n\n")


class Next(web.RequestHandler):
    """Lets the events go on."""

    def get(self) -> None:
        self.settings["next"].set()


class Big(web.RequestHandler):
    """A large download, whose end shows that all of it came."""

    async def get(self) -> None:
        self.set_header("Content-Length", str(BIG))
        piece = b"x" * 1024 * 1024
        for _ in range(BIG // len(piece)):
            self.write(piece)
            await self.flush()


class Elsewhere(web.RequestHandler):
    """Redirections of all kinds."""

    def get(self, kind: str) -> None:
        host = self.request.host
        places = {"path": "/target?x=1", "relative": "target", "whole": f"http://{host}/target"}
        self.redirect(places.get(kind, "https://example.com/target"))


class Cut(web.RequestHandler):
    """Ends the connection: before an answer, or within one."""

    async def get(self, when: str) -> None:
        if when == "within":
            self.set_header("Content-Length", "100")
            self.write("half")
            await self.flush()
        self.request.connection.stream.close()


class End(web.RequestHandler):
    """Ends the program."""

    def get(self, code: str) -> None:
        print("the last words", flush=True)
        sys.stdout.flush()
        asyncio.get_running_loop().call_later(0.05, lambda: __import__("os")._exit(int(code)))


class EchoSocket(websocket.WebSocketHandler):
    """Its headers first, then each message again."""

    def check_origin(self, origin: str) -> bool:
        return True

    def open(self) -> None:
        self.write_message(json.dumps({k.lower(): v for k, v in self.request.headers.items()}))

    def on_message(self, message: str | bytes) -> None:
        self.write_message(message, binary=isinstance(message, bytes))


def application(host_check: bool) -> web.Application:
    """All of it, below `/` and below any prefix."""
    prefix = r"(?:/.*)?"
    return web.Application(
        [
            (prefix + "/cookies", Cookies),
            (prefix + "/events", Events),
            (prefix + "/next", Next),
            (prefix + "/big", Big),
            (prefix + "/elsewhere/(.*)", Elsewhere),
            (prefix + "/cut/(.*)", Cut),
            (prefix + r"/end/(\d+)", End),
            (prefix + "/socket", EchoSocket),
            (".*", Echo, {"host_check": host_check}),
        ],
        next=asyncio.Event(),
    )


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)
    parser.add_argument("--socket")
    parser.add_argument("--host-check", action="store_true")
    parser.add_argument("--delay", type=float, default=0)
    parser.add_argument("--die", type=int)
    options = parser.parse_args()
    print("starting", *sys.argv[1:], flush=True)
    await asyncio.sleep(options.delay)
    if options.die is not None:
        sys.exit(options.die)
    server = httpserver.HTTPServer(application(options.host_check))
    if options.socket:
        server.add_socket(netutil.bind_unix_socket(options.socket))
    else:
        server.listen(options.port, "127.0.0.1")
        print("listening on", options.port, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
