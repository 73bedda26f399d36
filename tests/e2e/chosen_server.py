"""The server of an instance as its owner chose it: named `hostile...`, it is a program that keeps
what it is sent; else the usual one.

The process engine runs it as the command of each instance, so the hub treats it as any server.
"""

from __future__ import annotations

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

SEEN = "seen.jsonl"
PAGE = b"<!DOCTYPE html><title>hostile</title><h1>Nothing to see here</h1>"


class Recorder(BaseHTTPRequestHandler):
    """Answers every request with a harmless page, and writes down its headers."""

    def _answer(self) -> None:
        line = {"path": self.path, "headers": dict(self.headers.items())}
        with (Path(os.environ["HOME"]) / SEEN).open("a") as file:
            file.write(json.dumps(line) + "\n")
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    do_GET = do_POST = do_PUT = do_DELETE = _answer

    def log_message(self, format: str, *args: object) -> None:
        """Nothing but the file."""


def main() -> None:
    """Become the one or the other."""
    if os.environ.get("JUPYTERHUB_SERVER_NAME", "").startswith("hostile"):
        port = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"]).port or 0
        ThreadingHTTPServer(("127.0.0.1", port), Recorder).serve_forever()
    program = str(Path(sys.executable).with_name("jupyterhub-singleuser"))
    os.execv(program, [program, *sys.argv[1:]])


if __name__ == "__main__":
    main()
