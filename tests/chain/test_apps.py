"""An app of `dsw.toml` and an open port in a container, through the hub's proxy: who opens them,
what reaches them, and what control tells of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import websocket
from tests.polling import eventually
from tests.workbenches import TestBench, User, log_in

pytestmark = pytest.mark.docker

PORT = 8123


@pytest.fixture(scope="module")
def owner(workbench: TestBench) -> User:
    """The administrator, who alone has a password."""
    return workbench.user("admin")


@pytest.fixture(scope="module")
def people(workbench: TestBench) -> dict[str, User]:
    """Whom it is shared with, and somebody else."""
    found = {name: workbench.user(name) for name in ("freda", "victor", "mallory")}
    for user in found.values():
        user.get("me")
    return found


@pytest.fixture(scope="module")
def item(workbench: TestBench, owner: User, people: dict[str, User]) -> Iterator[Any]:
    """The owner's instance, shared in both ways, with a program that listens on a port."""
    made = owner.running(display_name="apps", spec="small")
    path = f"instances/{made['id']}/shares"
    for name, access in (("freda", "full"), ("victor", "view")):
        body = {"user": name, "access": access}
        assert owner.http.put(path, json=body).is_success
    eventually(lambda: all(one["active"] for one in owner.get(path)["items"]), 30)
    serve = f"cd /etc && exec python -m http.server --bind 127.0.0.1 {PORT}"
    workbench.execute(made, "sh", "-c", f"setsid sh -c '{serve}' >/dev/null 2>&1 &")
    for name in ("freda", "victor"):
        eventually(lambda name=name: people[name].server(made, "api/status").is_success, 15)
    yield made
    owner.delete(made["id"])


def test_control_tells_what_is_open_and_takes_it_back_when_that_ends(
    workbench: TestBench, owner: User, item: Any
) -> None:
    expected = {
        "apps": [{"name": "echo", "title": "Echo", "path": "echo/page?a=1"}],
        "ports": [{"port": PORT, "process": "python"}],
    }

    def told() -> Any:
        return owner.get(f"instances/{item['id']}")["endpoints"]

    assert eventually(lambda: told() == expected, 20), told()
    kernel = owner.server(item, "api/kernels", "POST", json={"name": "python3"}).json()["id"]
    workbench.execute(
        item, "sh", "-c", f"setsid python -m http.server {PORT + 1} >/dev/null 2>&1 &"
    )
    eventually(lambda: [one["port"] for one in told()["ports"]] == [PORT, PORT + 1], 20)
    owner.server(item, f"api/kernels/{kernel}", "DELETE")
    workbench.execute(item, "pkill", "-f", f"http.server {PORT + 1}")
    eventually(lambda: told() == expected, 20)


@pytest.mark.parametrize("who", ["admin", "freda"])
def test_owner_and_full_visitors_open_it_and_their_token_stays_with_the_server(
    workbench: TestBench, owner: User, people: dict[str, User], item: Any, who: str
) -> None:
    user = {"admin": owner, **people}[who]
    seen = user.server(item, "echo/page?a=1").json()
    assert seen["uri"] == "/page?a=1"
    assert user.token not in str(seen)
    assert "Authorization" not in seen["headers"]
    opened = websocket.create_connection(
        f"{workbench.url}{item['url']}echo/socket".replace("http", "ws", 1),
        header={"Authorization": f"Bearer {user.token}"},
        timeout=30,
    )
    assert user.token not in opened.recv()
    opened.send("again")
    assert opened.recv() == "again"
    opened.close()
    assert "passwd" in user.server(item, f"proxy/{PORT}/").text


@pytest.mark.parametrize("who", ["victor", "mallory", ""])
def test_viewers_and_strangers_do_not(
    workbench: TestBench, people: dict[str, User], item: Any, who: str
) -> None:
    headers = {"Authorization": f"Bearer {people[who].token}"} if who else {}
    for path in ("echo/", f"proxy/{PORT}/", f"proxy/absolute/{PORT}/", f"proxy/127.0.0.1:{PORT}/"):
        url = f"{workbench.url}{item['url']}{path}"
        for method in ("GET", "POST"):
            answer = httpx.request(method, url, headers=headers)
            assert answer.status_code in ((403,) if who else (302, 403)), (path, answer.text)
            assert "passwd" not in answer.text
    url = f"{workbench.url}{item['url']}echo/socket".replace("http", "ws", 1)
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        websocket.create_connection(url, header=headers, timeout=30)
    assert refused.value.status_code == 403


@pytest.fixture(scope="module")
def browser(workbench: TestBench, item: Any) -> Iterator[httpx.Client]:
    """The owner's, with the cookies of a browser that was in an instance and the console."""
    with httpx.Client(base_url=workbench.url, follow_redirects=True, timeout=30) as client:
        log_in(client, "admin", workbench.admin_password)
        client.get("/services/dsw/")
        page = client.get(f"{item['url']}echo/page")
        if "oauth2/authorize" in str(page.url):
            fields = dict(re.findall(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', page.text))
            page = client.post(str(page.url), data=fields)
        assert page.status_code == 200
        yield client


def test_no_cookie_of_the_workbench_reaches_an_app_which_keeps_its_own(
    browser: httpx.Client, item: Any
) -> None:
    names = {cookie.name for cookie in browser.cookies.jar}
    assert {"_xsrf", "jupyterhub-session-id"} <= names
    assert any(name.startswith("jupyterhub-user-") for name in names)
    first = browser.get(f"{item['url']}echo/page").json()
    assert first["headers"]["Cookie"] == "mine=1"
    # A page of the app's own sends no XSRF token; it is a browser that says where it comes from.
    origin = str(browser.base_url).rstrip("/")
    posted = browser.post(
        f"{item['url']}echo/x", headers={"Origin": origin, "Sec-Fetch-Mode": "cors"}
    )
    assert posted.json()["method"] == "POST"
    assert posted.json()["headers"]["Cookie"] == "mine=1"
    elsewhere = {"Origin": "http://bob.example.org", "Sec-Fetch-Mode": "cors"}
    assert browser.post(f"{item['url']}echo/x", headers=elsewhere).status_code == 403
    # The app's cookie is nobody else's.
    assert browser.get(f"{item['url']}api/status").status_code == 200
    (mine,) = [cookie for cookie in browser.cookies.jar if cookie.name == "mine"]
    assert mine.path == f"{item['url']}echo/"


def test_nothing_but_the_instance_is_reached(workbench: TestBench, owner: User, item: Any) -> None:
    settings = workbench.settings
    hub = httpx.URL(settings.hub_api_url)
    for host in (f"{hub.host}:{hub.port}", "169.254.169.254:80", "localhost.:80", "0.0.0.0:80"):
        for form in ("proxy/{}/hub/api", "proxy/absolute/{}/"):
            answer = owner.server(item, form.format(host))
            assert answer.status_code == 403, (host, answer.text)
            assert "Only programs in this instance" in answer.text


def test_what_does_not_run_is_told_in_a_sentence(owner: User, item: Any) -> None:
    nothing = owner.server(item, "proxy/9999/")
    assert (nothing.status_code, "Nothing listens on port 9999" in nothing.text) == (502, True)
    absent = owner.server(item, "absent/")
    assert (absent.status_code, "is not installed" in absent.text) == (502, True)
    tiles = owner.server(item, "server-proxy/servers-info").json()["server_processes"]
    shown = {tile["name"] for tile in tiles if tile["launcher_entry"]["enabled"]}
    assert ("echo" in shown, "absent" in shown) == (True, False)


def test_nothing_is_told_of_a_stopped_instance(owner: User, item: Any) -> None:
    owner.http.post(f"instances/{item['id']}/stop")
    stopped = owner.wait(item["id"], "Stopped")
    assert stopped["endpoints"] is None
    owner.http.post(f"instances/{item['id']}/start")
    owner.wait(item["id"], "Running")
    eventually(lambda: owner.get(f"instances/{item['id']}")["endpoints"] is not None, 20)
    assert json.dumps(owner.server(item, "echo/page").json())
