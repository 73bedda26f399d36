"""git over http: real repositories behind git's own CGI program, with or without a password."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

AUTHOR = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org")


@dataclass
class GitServer:
    """Serves the bare repositories below `root`; `asked` is each path with what authorized it.

    `user` and `password` guard it. `elsewhere` is a base URL that whoever is let in is sent to
    instead; `refusal` is the text with which they are turned away. `before_packing` is a shell
    command that runs before anything is sent; its standard error reaches the client as the server's
    own words, unless the command fails: then git may drop them.
    """

    root: Path
    url: str = ""
    user: str = ""
    password: str = ""
    elsewhere: str = ""
    refusal: str = ""
    before_packing: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)

    @property
    def host(self) -> str:
        """Host and port."""
        return self.url.removeprefix("http://")

    def repository(self, name: str, files: dict[str, str]) -> str:
        """A new repository `<name>.git` with one commit of these files; its URL."""
        work = self.root / f"{name}.work"
        git(self.root, "init", "--quiet", "--initial-branch=main", str(work))
        self.commit(name, files)
        bare = self.root / f"{name}.git"
        git(self.root, "clone", "--quiet", "--bare", str(work), str(bare))
        git(bare, "config", "http.receivepack", "true")
        git(work, "remote", "add", "origin", str(bare))
        return f"{self.url}/{name}.git"

    def commit(self, name: str, files: dict[str, str], push: str = "") -> str:
        """One more commit of the repository, pushed to the branch `push`; its full name."""
        work = self.root / f"{name}.work"
        for path, text in files.items():
            (work / path).parent.mkdir(parents=True, exist_ok=True)
            (work / path).write_text(text)
        git(work, "add", "--all")
        git(work, *AUTHOR, "commit", "--quiet", "--message=More")
        if push:
            git(work, "push", "--quiet", "origin", f"HEAD:{push}")
        return git(work, "rev-parse", "HEAD")

    def tag(self, name: str, tag: str) -> None:
        """A tag at the newest commit."""
        git(self.root / f"{name}.work", "push", "--quiet", "origin", f"HEAD:refs/tags/{tag}")

    def allowed(self, authorization: str) -> bool:
        """Whether a request with this header is let in."""
        word = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return not self.password or authorization == f"Basic {word}"

    def environment(self) -> dict[str, str]:
        """What `git http-backend` needs beside the request."""
        environ = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REMOTE_USER": "somebody",
        }
        if self.before_packing:
            hook = self.root / "before-packing"
            hook.write_text(f'#!/bin/sh\n{self.before_packing}\nexec "$@"\n')
            hook.chmod(0o755)
            environ |= {
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": "uploadpack.packObjectsHook",
                "GIT_CONFIG_VALUE_0": str(hook),
            }
        return environ


@contextmanager
def git_server(root: Path, address: str = "127.0.0.1") -> Iterator[GitServer]:
    """A server on a free port of this address."""
    root.mkdir(parents=True, exist_ok=True)
    server = GitServer(root)
    with ThreadingHTTPServer((address, 0), _handler(server)) as http:
        server.url = f"http://{address}:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield server
        http.shutdown()
        thread.join()


def git(folder: Path, *arguments: str) -> str:
    """The output of a git command that must succeed."""
    done = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _handler(server: GitServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            authorization = self.headers.get("Authorization", "")
            server.asked.append((self.path, authorization))
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if not server.allowed(authorization):
                self._answer(401, ("WWW-Authenticate", 'Basic realm="git"'))
            elif server.elsewhere:
                self._answer(302, ("Location", f"{server.elsewhere}{self.path}"))
            elif server.refusal:
                self._answer(403, ("Content-Type", "text/plain"), server.refusal)
            else:
                self._run(body)

        do_POST = do_GET

        def _run(self, body: bytes) -> None:
            path, _, query = self.path.partition("?")
            request = {
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            }
            process = subprocess.Popen(
                ["git", "http-backend"],
                env={**server.environment(), **request},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            with process:
                assert process.stdin
                assert process.stdout
                process.stdin.write(body)
                process.stdin.close()
                self._send(process.stdout)

        def _send(self, output: object) -> None:
            headers, status = [], "200 OK"
            while line := output.readline().strip():  # type: ignore[attr-defined]
                name, _, value = line.decode().partition(": ")
                status = value if name == "Status" else status
                headers.append((name, value))
            self.send_response(int(status.split()[0]))
            for name, value in headers:
                self.send_header(name, value)
            self.end_headers()
            try:
                while chunk := output.read1(65536):  # type: ignore[attr-defined]
                    self.wfile.write(chunk)
            except OSError:
                return

        def _answer(self, status: int, header: tuple[str, str], text: str = "") -> None:
            self.send_response(status)
            self.send_header(*header)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *args: object) -> None:
            pass

    return Handler
