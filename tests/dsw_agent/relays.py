"""A relay in front of a registry, that loses requests or answers where a test says so."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Loss(Enum):
    """What happens to a request: the connection ends before the registry sees it, when it has
    half of the body, or when it has answered."""

    ALL = "all"
    HALF = "half"
    ANSWER = "answer"


Lose = Callable[[str, str], Loss | None]


@contextmanager
def relayed(address: str, lose: Lose) -> Iterator[str]:
    """The address of a relay; `lose` is asked with method and path of every request."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def relay(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            loss = lose(self.command, self.path)
            if loss is not Loss.ALL:
                self.pass_on(body, loss)
            self.close_connection = self.close_connection or loss is not None

        def pass_on(self, body: bytes, loss: Loss | None) -> None:
            registry = http.client.HTTPConnection(address, timeout=60)
            # The registry makes addresses of the name that it is called by.
            registry.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                registry.putheader(name, value)
            registry.endheaders()
            registry.send(body[: len(body) // 2] if loss is Loss.HALF else body)
            if loss is not Loss.HALF:
                answer = registry.getresponse()
                content = answer.read()
                if loss is None:
                    self.answer(answer, content)
            registry.close()

        def answer(self, answer: http.client.HTTPResponse, content: bytes) -> None:
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name not in ("Date", "Transfer-Encoding", "Connection"):
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_HEAD = do_POST = do_PATCH = do_PUT = do_DELETE = relay

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    # Connections of a client that is done stay until it goes.
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
