"""Who is no longer a member loses what is open within five seconds, and none of their data."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from threading import Thread
from typing import Any

import httpx
import pytest
import websocket
from tests.polling import eventually
from tests.workbenches import TestBench, User

pytestmark = [pytest.mark.docker, pytest.mark.alone]

WITHIN = 5
"""Seconds."""

GROUPS = """
[[group_mappings]]
group = "ml"
workspace = "by-group"
"""


@pytest.fixture(scope="module")
def bench(minimal_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestBench]:
    """A workbench of its own, with a mapped group."""
    bench = TestBench(tmp_path_factory.mktemp("membership"), "member", GROUPS)
    bench.up()
    yield bench
    bench.down()


def member(bench: TestBench, name: str, workspace: str) -> User:
    """A user with this one workspace of their own."""
    user = bench.user(name)
    body = {"name": workspace, "owner": "olga"}
    assert bench.admin.http.post("workspaces", json=body).status_code in (201, 409)
    return user


def put(bench: TestBench, workspace: str, name: str, *roles: str, disabled: bool = False) -> None:
    """A platform administrator sets the member's roles."""
    path = f"workspaces/{workspace}/members/{name}"
    body = {"roles": list(roles), "disabled": disabled}
    answer = bench.admin.http.put(path, json=body)
    assert answer.status_code == 200, answer.text


def remove(bench: TestBench, workspace: str, name: str) -> None:
    """A platform administrator ends the membership."""
    answer = bench.admin.http.delete(f"workspaces/{workspace}/members/{name}")
    assert answer.status_code == 204, answer.text


class Terminal:
    """A terminal in an instance, and when it was cut off."""

    def __init__(self, user: User, item: Any) -> None:
        made = user.server(item, "api/terminals", "POST")
        assert made.status_code == 200, made.text
        url = f"{user.workbench.url}{item['url']}terminals/websocket/{made.json()['name']}"
        self._socket = websocket.create_connection(
            url.replace("http", "ws", 1),
            header={"Authorization": f"Bearer {user.token}"},
            timeout=60,
        )
        self.cut_at: float | None = None
        self.output = ""
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def run(self, command: str, answer: str) -> None:
        """Type a command and wait for what it prints."""
        self._socket.send(json.dumps(["stdin", f"{command}\r"]))
        eventually(lambda: answer in self.output, 20)

    def _read(self) -> None:
        try:
            while text := self._socket.recv():
                kind, *rest = json.loads(text)
                self.output += str(rest[0]) if kind == "stdout" else ""
        except (websocket.WebSocketException, OSError):
            pass
        self.cut_at = time.monotonic()

    def cut_after(self, since: float) -> float:
        """Seconds from then until nothing came any more."""
        eventually(lambda: self.cut_at, 30)
        self.close()
        assert self.cut_at is not None
        return self.cut_at - since

    def close(self) -> None:
        """Hang up."""
        self._socket.shutdown()
        self._reader.join(10)


def working(user: User, workspace: str) -> tuple[Any, Terminal]:
    """An instance of the user that is up, and a terminal that was used."""
    item = user.running(display_name="work", workspace=workspace)
    assert item["state"] == "Running", item
    terminal = Terminal(user, item)
    terminal.run(f"echo kept > /mnt/workspace/{workspace} && echo do''ne", "done")
    return item, terminal


def test_a_removed_member_loses_an_open_terminal_and_finds_the_files_again(
    bench: TestBench,
) -> None:
    alice = member(bench, "alice", "vision")
    put(bench, "vision", "alice", "developer")
    item, terminal = working(alice, "vision")
    with alice.http.stream("GET", "events/stream") as stream:
        lines = stream.iter_lines()
        began = time.monotonic()
        remove(bench, "vision", "alice")
        assert terminal.cut_after(began) < WITHIN
        assert alice.http.get(f"instances/{item['id']}").status_code == 404
        assert time.monotonic() - began < WITHIN
        fence = alice.create(workspace="default", name="fence", start=False)
        late = []
        for line in lines:
            if fence["id"] in line:
                break
            late.append(line)
    stopped = [line for line in late if '"state":"Stopped"' in line]
    assert stopped == [], "the stream went on after the membership had ended"
    assert not alice.server(item, "api/contents").is_success

    def start_by_hub() -> httpx.Response | None:
        answer = httpx.post(
            f"{bench.url}/hub/api/users/alice/servers/{item['name']}",
            headers={"Authorization": f"Bearer {alice.token}"},
            timeout=60,
        )
        # As long as its stop is pending the hub says only that.
        return None if answer.status_code == 400 else answer

    started = eventually(start_by_hub, 30)
    assert started.status_code == 403, started.text
    assert "'alice' is not a member of the workspace 'vision'" in started.json()["message"]
    put(bench, "vision", "alice", "developer")
    eventually(lambda: alice.state(item["id"]) == "Stopped", 30)
    ended = alice.get(f"instances/{item['id']}")
    assert ended["reason"] == "MemberRemoved"
    assert "no longer a member of the workspace vision" in ended["message"]
    alice.http.post(f"instances/{item['id']}/start")
    again = alice.wait(item["id"], "Running", "Failed")
    terminal = Terminal(alice, again)
    terminal.run("cat /mnt/workspace/vision", "kept")
    terminal.close()


def test_a_disabled_member_loses_an_open_terminal(bench: TestBench) -> None:
    bob = member(bench, "bob", "speech")
    put(bench, "speech", "bob", "developer")
    item, terminal = working(bob, "speech")
    began = time.monotonic()
    put(bench, "speech", "bob", "developer", disabled=True)
    assert terminal.cut_after(began) < WITHIN
    assert bob.http.get(f"instances/{item['id']}").status_code == 404
    assert bob.http.get("workspaces/speech").status_code == 404


def test_a_member_by_group_follows_the_group(bench: TestBench) -> None:
    carol = member(bench, "carol", "by-group")
    assert carol.http.get("workspaces/by-group").status_code == 404
    hub = httpx.Client(
        base_url=f"{bench.url}/hub/api", headers={"Authorization": f"Bearer {bench.admin.token}"}
    )
    with hub:
        assert hub.post("/groups/ml", json={"users": ["carol"]}).status_code == 201
        eventually(lambda: carol.http.get("workspaces/by-group").status_code == 200, 20)
        item, terminal = working(carol, "by-group")
        began = time.monotonic()
        left = hub.request("DELETE", "/groups/ml/users", json={"users": ["carol"]})
        assert left.status_code == 200, left.text
        assert terminal.cut_after(began) < WITHIN
    assert carol.http.get(f"instances/{item['id']}").status_code == 404


def test_a_user_deleted_at_the_hub_is_no_caller_any_more(bench: TestBench) -> None:
    dave = member(bench, "dave", "vision")
    put(bench, "vision", "dave", "guest")
    assert dave.get("workspaces/vision")["roles"] == ["guest"]
    began = time.monotonic()
    hub = f"{bench.url}/hub/api/users/dave"
    headers = {"Authorization": f"Bearer {bench.admin.token}"}
    assert httpx.delete(hub, headers=headers).status_code == 204
    eventually(lambda: dave.http.get("me").status_code == 401, WITHIN)
    assert time.monotonic() - began < WITHIN


def test_a_namesake_of_a_deleted_user_does_not_inherit_the_membership(
    bench: TestBench,
) -> None:
    """Control disables, a minute later at most, a member whom the hub has deleted."""
    erin = member(bench, "erin", "vision")
    put(bench, "vision", "erin", "developer")
    assert erin.get("workspaces/vision")["roles"] == ["developer"]
    headers = {"Authorization": f"Bearer {bench.admin.token}"}
    hub = f"{bench.url}/hub/api/users/erin"
    assert httpx.delete(hub, headers=headers).status_code == 204

    def disabled() -> bool:
        page = bench.admin.get("workspaces/vision/members")["items"]
        return bool(next(each for each in page if each["username"] == "erin")["disabled"])

    eventually(disabled, 90)
