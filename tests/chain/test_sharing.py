"""Sharing on the real chain: a hub, a container, browsers, and what is open when it ends."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import websocket
from tests.polling import eventually
from tests.workbenches import TestBench, User, log_in

pytestmark = pytest.mark.docker

WITHIN = 15
"""Seconds after which whoever lost access is out."""

PASSWORD = "a long enough sentence"
Socket = websocket.WebSocket


@pytest.fixture
def carol(workbench: TestBench) -> User:
    """A member of the workspace with whom nothing is shared."""
    user = workbench.user("carol")
    user.get("me")
    return user


@pytest.fixture(scope="module")
def olive(workbench: TestBench) -> User:
    """Whose instance is shared."""
    return workbench.user("olive")


@pytest.fixture(scope="module")
def running(olive: User) -> Iterator[Any]:
    """Olive's instance for all these tests, with a file in it."""
    made = olive.running(display_name="shared")
    body = {"type": "file", "format": "text", "content": "of olive"}
    assert olive.server(made, "api/contents/a.txt", "PUT", json=body).is_success
    yield made
    olive.delete(made["id"])


@pytest.fixture
def item(running: Any, olive: User, bob: User) -> Iterator[Any]:
    """That instance, shared with nobody. Bob has been here before."""
    bob.get("me")
    yield running
    for made in olive.get(f"instances/{running['id']}/shares")["items"]:
        end(olive, running, made)
    eventually(lambda: bob.server(running, "api/contents").status_code == 403, WITHIN)


def share(owner: User, item: Any, user: str | None, access: str = "view") -> Any:
    """A share, once it holds."""
    path = f"instances/{item['id']}/shares"
    answer = owner.http.put(path, json={"user": user, "access": access})
    assert answer.status_code == 200, answer.text
    made = answer.json()

    def holds() -> bool:
        return any(one["id"] == made["id"] and one["active"] for one in owner.get(path)["items"])

    eventually(holds, 30)
    return made


def end(owner: User, item: Any, made: Any) -> None:
    answer = owner.http.delete(f"instances/{item['id']}/shares/{made['id']}")
    assert answer.status_code == 204, answer.text


def connect(user: User, item: Any, path: str) -> Socket:
    url = f"{user.workbench.url}{item['url']}{path}".replace("http", "ws", 1)
    header = {"Authorization": f"Bearer {user.token}"}
    return websocket.create_connection(url, header=header, timeout=30)


@contextlib.contextmanager
def terminal(user: User, item: Any) -> Iterator[Socket]:
    """An open terminal in which the user can work, seconds after they were let in."""

    def made() -> Any:
        answer = user.server(item, "api/terminals", "POST", json={})
        return answer.json() if answer.is_success else None

    name = eventually(made, WITHIN)["name"]
    opened = connect(user, item, f"terminals/websocket/{name}")
    try:
        assert "out-42" in said(opened, "echo out-$((40 + 2))", "out-42")
        yield opened
    finally:
        opened.shutdown()


def said(opened: Socket, line: str, until: str) -> str:
    """What the terminal writes, up to a word."""
    opened.send(json.dumps(["stdin", f"{line}\r"]))
    text = ""
    while until not in text:
        text += opened.recv()
    return text


def seconds_until_cut(opened: Socket) -> float:
    """How long the websocket stayed open."""
    started = time.monotonic()
    opened.settimeout(WITHIN + 5)
    with contextlib.suppress(websocket.WebSocketConnectionClosedException, ConnectionError):
        while opened.recv():
            pass
    return time.monotonic() - started


def refused(user: User, item: Any, path: str) -> bool:
    try:
        connect(user, item, path).shutdown()
    except websocket.WebSocketBadStatusException as error:
        return error.status_code == 403
    return False


def at_hub(workbench: TestBench, item: Any) -> set[str]:
    """Who may enter the server, as the hub says."""
    path = f"{workbench.url}/hub/api/shares/olive/{item['name']}"
    answer = httpx.get(path, headers={"Authorization": f"Bearer {workbench.admin.token}"})
    return {one["user"]["name"] for one in answer.json()["items"]}


def test_a_viewer_looks_and_changes_nothing(olive: User, bob: User, carol: User, item: Any) -> None:
    share(olive, item, "bob")
    seen = bob.get("instances?shared=true")["items"]
    assert [(one["id"], one["access"]) for one in seen] == [(item["id"], "view")]
    answer = bob.server(item, "api/contents/a.txt")
    assert (answer.status_code, answer.json()["content"]) == (200, "of olive")
    name = olive.server(item, "api/terminals", "POST", json={}).json()["name"]
    attempts = [
        bob.server(item, "api/contents/a.txt", "PUT", json={"type": "file", "content": "mine"}),
        bob.server(item, "api/contents/a.txt", "DELETE"),
        bob.server(item, "api/terminals", "POST", json={}),
        bob.server(item, f"api/terminals/{name}", "DELETE"),
        bob.server(item, "api/kernels", "POST", json={}),
        bob.server(item, "api/shutdown", "POST", json={}),
        bob.server(item, "proxy/8888/"),
        bob.server(item, "dsw/api/snapshots", "POST", json={"name": "mine"}),
        carol.server(item, "api/contents/a.txt"),
        carol.server(item, "dsw/api/instance"),
    ]
    assert [answer.status_code for answer in attempts] == [403] * len(attempts)
    for path in (f"terminals/websocket/{name}", "api/events/subscribe"):
        assert refused(bob, item, path)
        assert refused(carol, item, path)
    path = f"instances/{item['id']}"
    for method, where in (("POST", "/stop"), ("POST", "/start"), ("DELETE", "")):
        assert bob.http.request(method, path + where).status_code == 404
    assert olive.get("snapshots")["items"] == []
    assert olive.server(item, "api/contents/a.txt").json()["content"] == "of olive"
    assert olive.state(item["id"]) == "Running"


def test_full_access_is_to_work_as_its_owner_until_it_ends(
    olive: User, bob: User, item: Any
) -> None:
    made = share(olive, item, "bob", "full")
    with terminal(bob, item) as bobs, terminal(olive, item) as olives:
        assert "dsw" in said(bobs, "id -un", "dsw")
        end(olive, item, made)
        assert seconds_until_cut(bobs) < WITHIN
        assert bob.server(item, "api/contents/a.txt").status_code == 403
        assert "still-42" in said(olives, "echo still-$((40 + 2))", "still-42")
    assert bob.http.get(f"instances/{item['id']}").status_code == 404


def test_full_access_that_becomes_a_view_closes_the_terminal(
    olive: User, bob: User, item: Any
) -> None:
    share(olive, item, "bob", "full")
    with terminal(bob, item) as opened:
        share(olive, item, "bob", "view")
        assert seconds_until_cut(opened) < WITHIN
    assert bob.server(item, "api/contents/a.txt").status_code == 200
    share(olive, item, "bob", "full")
    eventually(lambda: bob.server(item, "api/terminals", "POST", json={}).is_success, WITHIN)


@pytest.mark.parametrize("leaving", ["removed", "disabled"])
def test_who_leaves_the_workspace_is_out_of_what_is_open(
    workbench: TestBench, olive: User, bob: User, item: Any, leaving: str
) -> None:
    share(olive, item, None, "full")
    members = f"workspaces/default/members/{bob.name}"
    with terminal(bob, item) as opened:
        if leaving == "removed":
            answer = workbench.admin.http.delete(members)
        else:
            body = {"roles": ["developer"], "disabled": True}
            answer = workbench.admin.http.put(members, json=body)
        try:
            assert answer.is_success, answer.text
            assert seconds_until_cut(opened) < WITHIN
            assert bob.server(item, "api/contents/a.txt").status_code == 403
            assert olive.server(item, "api/contents/a.txt").status_code == 200
        finally:
            workbench.admin.http.put(members, json={"roles": ["developer"]})
    eventually(lambda: bob.server(item, "api/contents/a.txt").status_code == 200, 30)


@pytest.mark.parametrize("killed", ["control", "hub"])
def test_a_share_ends_although_something_is_killed_right_then(
    workbench: TestBench, olive: User, bob: User, item: Any, killed: str
) -> None:
    made = share(olive, item, "bob", "full")
    with terminal(bob, item) as opened:
        end(olive, item, made)
        workbench.kill(killed)
        assert seconds_until_cut(opened) < WITHIN
        workbench.wait_until_ready()
    eventually(lambda: at_hub(workbench, item) == set(), 30)
    assert bob.server(item, "api/contents/a.txt").status_code == 403


def test_a_share_is_made_although_control_is_killed_right_then(
    workbench: TestBench, olive: User, bob: User, item: Any
) -> None:
    path = f"instances/{item['id']}/shares"
    assert olive.http.put(path, json={"user": "bob"}).status_code == 200
    workbench.kill("control")
    workbench.wait_until_ready()
    eventually(lambda: bob.server(item, "api/contents/a.txt").status_code == 200, 30)


def test_an_instance_of_the_same_name_is_another(alice: User, bob: User) -> None:
    bob.get("me")
    before = alice.running(name="twin")
    share(alice, before, "bob", "full")
    assert bob.server(before, "api/contents").status_code == 200
    alice.delete(before["id"])
    after = alice.running(name="twin")
    assert after["url"] == before["url"]
    assert bob.server(after, "api/contents").status_code == 403
    share(alice, after, "bob")
    eventually(lambda: bob.server(after, "api/contents").status_code == 200, WITHIN)


def test_nobody_shares_behind_controls_back(
    workbench: TestBench, olive: User, bob: User, carol: User, item: Any
) -> None:
    """Users cannot at the hub; what its administrators share there lets nobody in, and ends."""
    share(olive, item, "bob")
    path = f"{workbench.url}/hub/api/shares/olive/{item['name']}"
    for who, status in ((olive, 403), (workbench.admin, 200)):
        headers = {"Authorization": f"Bearer {who.token}"}
        answer = httpx.post(path, json={"user": "carol"}, headers=headers)
        assert answer.status_code == status
    assert at_hub(workbench, item) == {"bob", "carol"}
    assert carol.server(item, "api/contents").status_code == 403
    assert workbench.admin.server(item, "api/contents").status_code == 403
    eventually(lambda: at_hub(workbench, item) == {"bob"}, 60)
    assert bob.server(item, "api/contents").status_code == 200


def test_a_copied_instance_token_does_not_lead_back_in(
    workbench: TestBench, olive: User, item: Any
) -> None:
    environment = json.loads(workbench.execute(item, "cat", "/run/dsw/environment"))
    thief = User(workbench, "bob", environment["JUPYTERHUB_API_TOKEN"])
    answer = thief.server(item, "api/contents")
    thief.http.close()
    assert answer.status_code == 403
    script = (
        "import os, urllib.request as u; "
        "r = u.Request('http://127.0.0.1:8888%sapi/contents', "
        "headers={'Authorization': 'token ' + os.environ['T']}); print(u.urlopen(r).status)"
    )
    token = f"T={environment['JUPYTERHUB_API_TOKEN']}"
    inside = workbench.execute(
        item, "env", token, "/opt/venv/bin/python", "-c", script % item["url"]
    )
    assert inside.strip() == "200"


@pytest.fixture(scope="session")
def browsers(workbench: TestBench) -> Iterator[dict[str, httpx.Client]]:
    """Browsers in which bob and carol are logged in with accounts of their own."""
    with contextlib.ExitStack() as opened:

        def browser() -> httpx.Client:
            client = httpx.Client(base_url=workbench.url, follow_redirects=True, timeout=30)
            return opened.enter_context(client)

        admin, found = browser(), {}
        log_in(admin, "admin", workbench.admin_password)
        for name in ("bob", "carol"):
            found[name] = browser()
            found[name].get("/hub/signup")
            form = {
                "username": name,
                "signup_password": PASSWORD,
                "signup_password_confirmation": PASSWORD,
                "_xsrf": found[name].cookies.get("_xsrf", path="/hub/") or "",
            }
            assert found[name].post("/hub/signup", data=form).status_code == 200
            approve = admin.get(f"/hub/authorize/{name}", headers={"Sec-Fetch-Site": "same-origin"})
            assert approve.status_code == 200
            log_in(found[name], name, PASSWORD)
        yield found


def open_page(browser: httpx.Client, item: Any, path: str) -> httpx.Response:
    """A page of the instance, with the hub's question answered on the way."""
    page = browser.get(f"{item['url']}{path}")
    if "oauth2/authorize" not in str(page.url) or page.status_code != 200:
        return page
    fields = dict(re.findall(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', page.text))
    return browser.post(str(page.url), data=fields)


def test_a_visitors_browser_gets_in_by_the_hub_and_out_when_it_ends(
    olive: User, bob: User, carol: User, item: Any, browsers: dict[str, httpx.Client]
) -> None:
    made = share(olive, item, "bob")
    page = open_page(browsers["bob"], item, "files/a.txt")
    assert (page.status_code, page.text) == (200, "of olive"), page.url
    stranger = open_page(browsers["carol"], item, "files/a.txt")
    assert stranger.status_code == 403
    assert "/hub/api/oauth2/authorize" in str(stranger.url)
    end(olive, item, made)

    def out() -> bool:
        return browsers["bob"].get(f"{item['url']}files/a.txt").status_code == 403

    eventually(out, WITHIN)
    assert open_page(browsers["bob"], item, "api/contents").status_code == 403
