"""Desktop VS Code's Jupyter extension: by URL and token alone, through a real hub and proxy."""

from __future__ import annotations

import inspect
import json
import uuid
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import websocket
from jupyter_server.services.kernels.websocket import KernelWebsocketHandler
from jupyterhub.services.auth import HubAuth
from tests.dsw_spawners.conftest import PROCESS_TOML, Bench, bench
from tests.dsw_spawners.plans import Planner
from tornado.httputil import HTTPHeaders
from tornado.web import RequestHandler

from dsw_server.url_token import accept_url_tokens

SCOPE = "access:servers!server=alice/train"


@pytest.fixture(scope="module")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """alice's instance `train` runs as a local process."""
    folder = tmp_path_factory.mktemp("hub")
    planner = Planner(home=str(folder / "home"))
    with bench(folder, PROCESS_TOML, planner, admins=["admin", "root"]) as made:
        made.run("train")
        try:
            yield made
        finally:
            made.stop("train")


class Extension:
    """What VS Code's Jupyter extension does with `{instance URL}?token={token}`."""

    def __init__(self, workbench: Bench, token: str) -> None:
        self._url, self._token = f"{workbench.hub.url}/user/alice/train/", token
        headers = {"Authorization": f"token {token}"}
        self.http = httpx.Client(base_url=self._url, headers=headers, trust_env=False, timeout=60)

    def open(self, path: str, **headers: str) -> Any:
        """A websocket with the token in its URL and nowhere else."""
        address = f"ws{self._url.removeprefix('http')}{path}"
        session = f"session_id={uuid.uuid4().hex}"
        return websocket.create_connection(
            f"{address}?{session}&token={self._token}", header=headers, timeout=60
        )


@pytest.fixture
def extension(workbench: Bench) -> Iterator[Extension]:
    """With a token that can do nothing but enter this one instance."""
    token = token_of(workbench, "alice", SCOPE)
    made = Extension(workbench, token)
    with made.http:
        yield made


def token_of(workbench: Bench, user: str, *scopes: str) -> str:
    workbench.admin.post(f"/users/{user}")
    body = {"note": "VS Code", "scopes": list(scopes)} if scopes else {}
    made = workbench.admin.post(f"/users/{user}/tokens", json=body)
    return str(made.raise_for_status().json()["token"])


class Kernel:
    """One kernel over its websocket, in JSON."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def execute(self, code: str) -> str:
        """Send it; the id of the request."""
        request = uuid.uuid4().hex
        message = {
            "header": {
                "msg_id": request,
                "msg_type": "execute_request",
                "username": "",
                "session": uuid.uuid4().hex,
                "version": "5.3",
            },
            "parent_header": {},
            "metadata": {},
            "channel": "shell",
            # What comes behind a cell that is interrupted is to run all the same.
            "content": {
                "code": code,
                "silent": False,
                "store_history": True,
                "stop_on_error": False,
            },
        }
        self._connection.send(json.dumps(message))
        return request

    def until(self, request: str, *kinds: str) -> tuple[str, dict[str, Any]]:
        """Kind and content of the first message of these kinds about this request."""
        while True:
            message = json.loads(self._connection.recv())
            kind = message["header"]["msg_type"]
            if message["parent_header"].get("msg_id") == request and kind in kinds:
                return kind, message["content"]

    def result(self, code: str) -> str:
        """What the expression is, or the name of the error."""
        kind, content = self.until(self.execute(f"print({code})"), "stream", "error")
        return str(content["text"]).strip() if kind == "stream" else str(content["ename"])


def test_a_kernel_is_started_used_interrupted_and_restarted(extension: Extension) -> None:
    http = extension.http
    assert "version" in http.get("api").json()
    assert "python3" in http.get("api/kernelspecs").json()["kernelspecs"]
    assert http.get("api/sessions").json() == http.get("api/kernels").json() == []
    file = http.post("api/contents", json={"type": "notebook"}).raise_for_status().json()["path"]
    body = {"path": file, "name": "a", "type": "notebook", "kernel": {"name": "python3"}}
    session = http.post("api/sessions", json=body).raise_for_status().json()
    kernel_path = f"api/kernels/{session['kernel']['id']}"
    connection = extension.open(f"{kernel_path}/channels")
    kernel = Kernel(connection)
    assert kernel.result("(here := 6 * 7)") == "42"

    endless = kernel.execute("import time\nprint('begun')\ntime.sleep(600)")
    assert kernel.until(endless, "stream")[1]["text"].startswith("begun")
    assert http.post(f"{kernel_path}/interrupt").status_code == 204
    assert kernel.until(endless, "execute_reply")[1]["ename"] == "KeyboardInterrupt"
    assert kernel.result("here") == "42"

    assert http.post(f"{kernel_path}/restart").status_code == 200
    connection.close()
    again = extension.open(f"{kernel_path}/channels")
    assert Kernel(again).result("here") == "NameError"
    again.close()
    assert http.delete(f"api/sessions/{session['id']}").status_code == 204
    assert http.delete(f"api/contents/{file}").status_code == 204


def test_pages_with_a_token_in_their_url_stay_refused(
    workbench: Bench, extension: Extension
) -> None:
    token = extension.http.headers["Authorization"].removeprefix("token ")
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    address = f"{workbench.hub.url}/user/alice/train/"
    assert extension.http.get(f"{address}api/contents").status_code == 200
    for path in ("api/contents", "api/kernels", "dsw/api/instance"):
        for headers in ({}, {"Sec-Fetch-Mode": "navigate"}, upgrade):
            answer = httpx.get(
                f"{address}{path}", params={"token": token}, headers=headers, trust_env=False
            )
            assert answer.status_code == 403, (path, headers)
            assert token not in str(answer.headers)
    page = httpx.get(f"{address}lab", params={"token": token}, trust_env=False)
    assert page.status_code == 302
    assert "/hub/" in page.headers["Location"]


def test_a_websocket_takes_no_other_token(workbench: Bench, extension: Extension) -> None:
    kernel = extension.http.post("api/kernels", json={"name": "python3"}).json()["id"]
    others = (
        "wrong",
        "",
        token_of(workbench, "bob"),
        token_of(workbench, "alice", "access:servers!server=alice/other"),
        token_of(workbench, "alice", "read:users!user=alice"),
    )
    for token in others:
        with pytest.raises(websocket.WebSocketBadStatusException) as refused:
            Extension(workbench, token).open(f"api/kernels/{kernel}/channels")
        assert refused.value.status_code == 403
    extension.open(f"api/kernels/{kernel}/channels").close()
    extension.http.delete(f"api/kernels/{kernel}")


def a_request(kind: type[RequestHandler], **headers: str) -> Any:
    """As much of a handler as the reader of tokens looks at."""
    handler = kind.__new__(kind)
    handler.request = SimpleNamespace(headers=HTTPHeaders(headers))  # type: ignore[assignment]
    handler.get_argument = lambda name, default="": "secret"  # type: ignore[method-assign,assignment]
    return handler


def test_jupyterhub_reads_tokens_as_it_did_when_this_was_written() -> None:
    """Whatever fails here has changed upstream: look at `url_token` again."""
    assert list(inspect.signature(HubAuth._get_token_url).parameters) == ["self", "handler"]
    auth = HubAuth(api_token="x", api_url="http://127.0.0.1:9")
    request = a_request(KernelWebsocketHandler, Upgrade="websocket")
    assert not auth.get_token(request), "upstream takes it: `url_token` is not needed any more"
    browsers = {"Upgrade": "websocket", "Sec-Fetch-Mode": "websocket"}
    assert auth.get_token(a_request(KernelWebsocketHandler, **browsers)) == "secret"
    accept_url_tokens(auth)
    assert auth.get_token(request) == "secret"
    assert auth.get_token(a_request(KernelWebsocketHandler, Upgrade="WebSocket")) == "secret"
    assert not auth.get_token(a_request(KernelWebsocketHandler))
    assert not auth.get_token(a_request(RequestHandler, Upgrade="websocket"))
