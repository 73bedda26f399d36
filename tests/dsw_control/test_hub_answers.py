"""What control makes of a hub that does not do what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from tests.dsw_control.conftest import MakeControl

from dsw.errors import DswError, RemoteError, Unavailable
from dsw_control.hub import Hub


@pytest.fixture
def answers_with() -> Iterator[HTTPServer]:
    """A server whose answer to everything is the status that its attribute `status` says."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(server.status)  # type: ignore[attr-defined]
            self.end_headers()
            self.wfile.write(b'{"message": "no"}')

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "error"),
    [(429, Unavailable), (503, Unavailable), (403, RemoteError), (500, RemoteError)],
)
async def test_a_hub_that_is_busy_is_asked_again_and_one_that_refuses_is_not(
    answers_with: HTTPServer, status: int, error: type[DswError]
) -> None:
    answers_with.status = status  # type: ignore[attr-defined]
    hub = Hub(f"http://127.0.0.1:{answers_with.server_port}", "token")
    with pytest.raises(error):
        await hub.start("ada", "train", 1)
    await hub.close()


async def test_controls_own_secrets_are_not_in_its_repr(make_control: MakeControl) -> None:
    control = await make_control()
    assert control.spawner_token
    assert control.spawner_token not in repr(control)
