"""The client over real sockets: pages, keys, tags, and servers that misbehave."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, ClassVar

import pytest

from dsw.client import Client
from dsw.code_sources import CodeSourceCreate
from dsw.errors import Invalid, RemoteError, Unavailable
from dsw.workspaces import WorkspaceChange

CODE = {
    "id": "code-aaaaaaaaaaaa",
    "workspace_id": "ws-aaaaaaaaaaaa",
    "name": "models",
    "url": "https://git.example.org/models.git",
    "ref": "",
    "directory": "models",
    "owner": "ada",
    "created_at": "2026-01-01T00:00:00Z",
}
WORKSPACE = {
    "id": "ws-aaaaaaaaaaaa",
    "name": "vision",
    "display_name": "Vision",
    "policy": {},
    "roles": ["owner"],
    "actions": [],
    "created_at": "2026-01-01T00:00:00Z",
}


class Server(BaseHTTPRequestHandler):
    """Answers with JSON what `reply` says, and keeps what was asked."""

    seen: ClassVar[list[tuple[str, str, dict[str, str]]]]

    def handle_request(self) -> None:
        """Note the request, read its body, answer."""
        self.seen.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
        self.rfile.read(int(self.headers.get("content-length", 0)))
        status, headers, body = self.reply()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        content = b"" if body is None else json.dumps(body).encode()
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_request

    def reply(self) -> tuple[int, dict[str, str], Any]:
        """Status, headers and JSON."""
        raise NotImplementedError

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


Serve = Callable[[type[Server]], Client]


@contextmanager
def serving(kind: type[Server]) -> Iterator[Client]:
    """A client of such a server."""
    kind.seen = []
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        with Client(f"http://127.0.0.1:{server.server_address[1]}", "token", timeout=5) as client:
            yield client
        server.shutdown()
        thread.join()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts servers of a kind; answers a client."""
    with ExitStack() as stack:
        yield lambda kind: stack.enter_context(serving(kind))


class BreaksOnce(Server):
    """Reads the first request and breaks the connection, as a restart does."""

    def handle_request(self) -> None:
        if self.seen:
            super().handle_request()
            return
        self.seen.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.close_connection = True

    do_GET = do_POST = do_PATCH = handle_request

    def reply(self) -> tuple[int, dict[str, str], Any]:
        return 201, {}, CODE


class AlwaysBreaks(BreaksOnce):
    """Never answers."""

    def handle_request(self) -> None:
        self.seen.append((self.command, self.path, {}))
        self.close_connection = True

    do_POST = handle_request


def test_a_create_is_sent_again_with_its_key_when_the_connection_breaks(serve: Serve) -> None:
    client = serve(BreaksOnce)
    made = client.create_code_source(CodeSourceCreate(name="models", url=CODE["url"]))
    assert made.id == CODE["id"]
    keys = [headers["idempotency-key"] for _, _, headers in BreaksOnce.seen]
    assert len(keys) == 2
    assert keys[0] == keys[1]


def test_two_creates_have_two_keys(serve: Serve) -> None:
    client = serve(BreaksOnce)
    body = CodeSourceCreate(name="models", url=CODE["url"])
    client.create_code_source(body)
    client.create_code_source(body)
    keys = [headers["idempotency-key"] for _, _, headers in BreaksOnce.seen]
    assert len(set(keys)) == 2


def test_a_create_is_sent_twice_at_most(serve: Serve) -> None:
    client = serve(AlwaysBreaks)
    with pytest.raises(Unavailable, match="does not answer"):
        client.create_code_source(CodeSourceCreate(name="models", url=CODE["url"]))
    assert len(AlwaysBreaks.seen) == 2


def test_a_change_is_not_sent_again(serve: Serve) -> None:
    client = serve(BreaksOnce)
    with pytest.raises(Unavailable):
        client.change_workspace("vision", WorkspaceChange(description="x"))
    assert len(BreaksOnce.seen) == 1


class HasPages(Server):
    """Five items in pages of two."""

    def reply(self) -> tuple[int, dict[str, str], Any]:
        start = int(self.path.partition("cursor=")[2] or 0)
        items = [{**CODE, "name": str(number)} for number in range(start, min(start + 2, 5))]
        return 200, {}, {"items": items, "next": str(start + 2) if start + 2 < 5 else None}


@pytest.mark.parametrize(("limit", "count", "requests"), [(None, 5, 3), (3, 3, 2), (2, 2, 1)])
def test_a_list_is_read_over_its_pages(
    serve: Serve, limit: int | None, count: int, requests: int
) -> None:
    found = serve(HasPages).code_sources(limit=limit)
    assert [item.name for item in found] == [str(number) for number in range(count)]
    assert len(HasPages.seen) == requests


class HasTags(Server):
    """One workspace with a tag; a change that carries another tag is refused."""

    def reply(self) -> tuple[int, dict[str, str], Any]:
        if self.command == "GET":
            return 200, {"ETag": '"one"'}, WORKSPACE
        if self.headers.get("If-Match", '"two"') != '"two"':
            problem = {"code": "precondition_failed", "detail": "It has changed."}
            return 412, {}, problem
        return 200, {}, WORKSPACE


def test_a_change_can_hold_only_for_what_was_read(serve: Serve) -> None:
    client = serve(HasTags)
    change = WorkspaceChange(description="x")
    client.workspace("vision")
    with pytest.raises(RemoteError, match="It has changed") as refused:
        client.change_workspace("vision", change, if_unchanged=True)
    assert refused.value.status == 412
    client.change_workspace("vision", change)
    assert "if-match" not in HasTags.seen[-1][2]


class IsAnotherSite(Server):
    """Something that is no workbench."""

    def reply(self) -> tuple[int, dict[str, str], Any]:
        return 404, {}, None


def test_another_site_is_told_by_its_address(serve: Serve) -> None:
    with pytest.raises(RemoteError, match="answered 404; is that the workbench's address"):
        serve(IsAnotherSite).me()


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_name_that_would_lead_to_another_path_is_never_sent(serve: Serve, name: str) -> None:
    client = serve(HasPages)
    with pytest.raises(Invalid, match="is not a name"):
        client.remove_member("vision", name)
    with pytest.raises(Invalid, match="is not a name"):
        client.delete_workspace(name)
    assert HasPages.seen == []


class DeletesAll(Server):
    """Takes every request."""

    def reply(self) -> tuple[int, dict[str, str], Any]:
        return 204, {}, None


def test_a_name_of_any_characters_stays_one_part_of_the_path(serve: Serve) -> None:
    serve(DeletesAll).remove_member("vision", "../ada?x=1#y/..")
    path = DeletesAll.seen[0][1]
    assert path.endswith("/workspaces/vision/members/..%2Fada%3Fx%3D1%23y%2F..")
