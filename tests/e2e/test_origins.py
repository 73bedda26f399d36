"""Users' instances on origins of their own: all works, and nothing of the hub's is theirs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect
from tests.e2e.accounts import PASSWORD, make_account
from tests.e2e.console_page import Console
from tests.e2e.lab_page import Lab
from tests.e2e.own_origins import (
    Traffic,
    cookies_of_the_workbench,
    own_origins,
    process,
    seen_by,
)
from tests.e2e.windows import START_MS, Windows
from tests.polling import eventually
from tests.workbenches import TestBench, User

pytestmark = [pytest.mark.e2e, pytest.mark.docker]

SESSION = {"jupyterhub-hub-login", "jupyterhub-session-id", "_xsrf", "dsw-session", "dsw-xsrf"}

FETCH = """
async ([url, options]) => {
  try {
    const answer = await fetch(url, { credentials: "include", ...options });
    return answer.type === "opaque" ? "opaque" : await answer.text();
  } catch (error) {
    return String(error);
  }
}
"""
POST_FORM = """
([url, fields]) => {
  const form = Object.assign(document.createElement("form"), { method: "post", action: url });
  for (const [name, value] of Object.entries(fields))
    form.append(Object.assign(document.createElement("input"), { name, value }));
  document.body.append(form);
  form.submit();
}
"""


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestBench]:
    with own_origins(tmp_path_factory.mktemp("origins"), "e2eorigins") as bench:
        for name in ("alice", "bob"):
            make_account(bench, name)
            bench.user(name).get("me")
        yield bench


@pytest.fixture(scope="module")
def alice(bench: TestBench) -> User:
    return bench.user("alice")


@pytest.fixture(scope="module")
def train(alice: User) -> Any:
    """An ordinary instance of Alice's."""
    return process(alice, name="train", spec="small")


@pytest.fixture(scope="module")
def hostile(alice: User) -> Any:
    """An instance of Alice's with a server that she wrote."""
    return process(alice, name="hostile", spec="tiny")


@pytest.fixture(scope="module")
def bobs_cookies() -> list[Any]:
    """Those of a browser in which he has logged in."""
    return []


@pytest.fixture
def victim(bench: TestBench, hostile: Any, windows: Windows, bobs_cookies: list[Any]) -> Page:
    """A page of Alice's hostile server in the browser of Bob, who is logged in."""
    page = windows.open()
    page.context.add_cookies(bobs_cookies)
    if not bobs_cookies:
        Console(page, bench.url).log_in("bob", PASSWORD)
        bobs_cookies.extend(page.context.cookies())
    page.goto(hostile["url"])
    expect(page.get_by_role("heading", name="Nothing to see here")).to_be_visible()
    return page


def test_work_goes_on_as_on_a_shared_origin(
    bench: TestBench, alice: User, train: Any, windows: Windows
) -> None:
    console = Console(windows.open(), bench.url)
    console.log_in("alice", PASSWORD)
    lab = console.open_lab("train")
    origin = bench.url.replace("//", "//alice.")
    assert lab.page.url.startswith(f"{origin}/user/alice/train/lab")
    output = lab.new_notebook().run("print(6 * 7)")
    expect(output).to_contain_text("42")
    back = lab.page.evaluate(
        """() => {
          const config = JSON.parse(document.getElementById("jupyter-config-data").textContent);
          return config.hubHost + config.hubPrefix;
        }"""
    )
    assert back == f"{bench.url}/hub/"

    body = {"user": "bob", "access": "full"}
    shared = alice.http.put(f"instances/{train['id']}/shares", json=body)
    assert shared.status_code == 200, shared.text
    eventually(lambda: alice.get(f"instances/{train['id']}/shares")["items"][0]["active"], 30)
    visit = windows.open()
    visit.goto(f"{train['url']}lab")
    Console(visit, bench.url).fill_login("bob", PASSWORD)
    visit.get_by_role("button", name="Authorize").click()
    visitor = Lab(visit)
    assert visit.url.startswith(f"{origin}/user/alice/train/lab")
    expect(visitor.new_notebook().run("print(7 * 8)")).to_contain_text("56")

    console.page.bring_to_front()
    console.page.get_by_role("button", name="Account of alice").click()
    console.page.get_by_role("menuitem", name="Log out").click()
    expect(console.page).to_have_url(re.compile("/hub/log(in|out)"))

    def locked_out() -> bool:
        lab.page.goto(f"{train['url']}lab")
        return lab.page.url.startswith(f"{bench.url}/hub/login")

    eventually(locked_out, 30)


def test_an_instance_sees_no_cookie_of_the_hub_or_of_control(
    bench: TestBench, hostile: Any, victim: Page
) -> None:
    for path in ("", "hub/", "services/dsw/", "lab"):
        victim.goto(hostile["url"] + path)
    victim.evaluate(FETCH, [hostile["url"] + "by-script", {}])
    cookies = cookies_of_the_workbench(victim)
    assert set(cookies) == SESSION
    seen = seen_by(bench)
    assert "by-script" in seen
    for name, value in cookies.items():
        assert value not in seen, name
    for name in SESSION - {"_xsrf"}:
        assert name not in seen


def test_a_program_behind_an_instance_sees_none_either(
    bench: TestBench, hostile: Any, train: Any, windows: Windows
) -> None:
    routes = httpx.get(
        f"http://127.0.0.1:{bench.settings.hub.proxy_api_port}/api/routes",
        headers={
            "Authorization": f"token {(bench.data / 'secrets/proxy-token').read_text().strip()}"
        },
    ).json()
    (target,) = (each["target"] for path, each in routes.items() if path.endswith("/hostile"))
    port = httpx.URL(target).port
    page = windows.open()
    Console(page, bench.url).log_in("alice", PASSWORD)
    page.goto(f"{train['url']}proxy/{port}/behind-alices-own")
    expect(page.get_by_role("heading", name="Nothing to see here")).to_be_visible()
    seen = seen_by(bench)
    assert "behind-alices-own" in seen
    for name, value in cookies_of_the_workbench(page).items():
        assert value not in seen, name


@pytest.mark.parametrize("path", ["/hub/api/user", "/services/dsw/api/me"])
def test_a_page_of_an_instance_cannot_read_with_the_visitors_cookies(
    bench: TestBench, victim: Page, path: str
) -> None:
    traffic = Traffic(victim)
    assert "TypeError" in victim.evaluate(FETCH, [bench.url + path, {}])
    assert victim.evaluate(FETCH, [bench.url + path, {"mode": "no-cors"}]) == "opaque"
    # Not 401 from control: the site is the same, so the browser does send the cookies.
    assert traffic.status(path) == {403}


def test_a_page_of_an_instance_cannot_change_anything(
    bench: TestBench, alice: User, victim: Page
) -> None:
    bob = bench.user("bob")
    before = len(bob.get("instances")["items"])
    traffic = Traffic(victim)
    wanted = '{"name": "forged", "spec": "tiny", "image": "img-aaaaaaaaaaaa"}'
    form = {"method": "POST", "body": wanted, "mode": "no-cors"}
    for path in ("/services/dsw/api/instances", "/hub/api/users/bob/tokens"):
        assert victim.evaluate(FETCH, [bench.url + path, form]) == "opaque"
        assert traffic.status(path) == {403}
        forged = {"X-DSW-XSRF": "x", "X-XSRFToken": "x", "Content-Type": "application/json"}
        asked = {"method": "POST", "body": wanted, "headers": forged}
        assert "TypeError" in victim.evaluate(FETCH, [bench.url + path, asked])
    assert victim.evaluate(FETCH, [f"{bench.url}/services/dsw/logout", {"mode": "no-cors"}])
    with victim.expect_navigation():
        victim.evaluate(POST_FORM, [f"{bench.url}/hub/api/users/bob/tokens", {"note": "stolen"}])
    assert traffic.status("/hub/api/users/bob/tokens") <= {400, 403}
    tokens = httpx.get(
        f"{bench.url}/hub/api/users/bob/tokens",
        headers={"Authorization": f"Bearer {bench.admin.token}"},
    )
    assert "stolen" not in tokens.text
    assert len(bob.get("instances")["items"]) == before
    victim.goto(f"{bench.url}/services/dsw/")
    expect(victim.get_by_role("heading", name="Instances", exact=True)).to_be_visible()


def test_a_page_of_an_instance_cannot_look_into_the_workbench(
    bench: TestBench, victim: Page
) -> None:
    for path in ("/hub/home", "/services/dsw/"):
        with victim.context.expect_page() as opened:
            victim.evaluate("(url) => { window.opened = window.open(url); }", bench.url + path)
        opened.value.wait_for_load_state()
        said = victim.evaluate(
            "() => { try { return opened.document.cookie } catch (error) { return error.name } }"
        )
        assert said in ("SecurityError", "TypeError")
        opened.value.close()
        victim.evaluate(
            "(src) => document.body.append(Object.assign(document.createElement('iframe'), {src}))",
            bench.url + path,
        )
    eventually(lambda: len(victim.frames) == 3)
    for frame in victim.frames[1:]:
        expect(frame.get_by_role("heading", name=re.compile("instances", re.I))).to_have_count(0)


def test_the_hub_answers_on_no_host_of_an_instance(
    bench: TestBench, hostile: Any, victim: Page
) -> None:
    origin = hostile["url"].partition("/user/")[0]
    victim.goto(f"{origin}/hub/login")
    assert victim.url.startswith(f"{bench.url}/")
    victim.goto(f"{origin}/services/dsw/")
    assert victim.url.startswith(f"{bench.url}/services/dsw/")
    port = bench.settings.hub.port
    victim.goto(f"http://nobody.dsw.localhost:{port}/there/is/none")
    assert victim.url.startswith(f"{bench.url}/hub/there")
    expect(victim.get_by_role("heading", name="404 : None")).to_be_visible()
    for method, path in (
        ("GET", "/hub/api/user"),
        ("POST", "/hub/login"),
        ("GET", "/services/dsw/api/me"),
        ("GET", "/../services/dsw/api/me"),
        ("GET", "/internal/plans"),
    ):
        answer = httpx.request(method, f"{origin}{path}")
        assert answer.status_code == 424, path
        assert answer.json()["message"].startswith("No instance runs at this address.")


def test_a_start_that_an_instances_page_asks_for_waits_for_its_owner(
    bench: TestBench, victim: Page
) -> None:
    bob = bench.user("bob")
    victim.evaluate("(url) => { location.href = url; }", f"{bench.url}/hub/spawn/bob/unasked")
    expect(victim.get_by_text("A page outside of the hub asks for this start.")).to_be_visible()
    assert "unasked" not in [item["name"] for item in bob.get("instances")["items"]]
    victim.goto(f"{bench.url}/hub/home")
    victim.get_by_role("button", name="Open the console").click()
    expect(victim.get_by_role("heading", name="Instances", exact=True)).to_be_visible()


def test_the_hubs_pages_lead_to_the_users_origin(
    bench: TestBench, alice: User, windows: Windows
) -> None:
    alice.http.post(
        "instances",
        json={
            "name": "by-hub",
            "start": False,
            "spec": "tiny",
            "image": alice.get("images")["items"][0]["id"],
        },
    )
    page = windows.open()
    Console(page, bench.url).log_in("alice", PASSWORD)
    address = f"{bench.url.replace('//', '//alice.')}/user/alice/by-hub/"
    page.goto(f"{address}lab")
    expect(page.get_by_text("Start this instance in the console.")).to_be_visible()
    expect(page.get_by_role("button", name="Open the console")).to_be_visible()
    page.goto(f"{bench.url}/hub/spawn/alice/by-hub")
    page.wait_for_url(re.compile(re.escape(address)), timeout=START_MS)


def test_pages_come_back_by_themselves_when_the_proxy_was_lost(
    bench: TestBench, windows: Windows
) -> None:
    bench.kill("proxy")

    def listens() -> bool:
        try:
            return httpx.get(f"{bench.url}/hub/health").status_code in (200, 503)
        except httpx.HTTPError:
            return False

    eventually(listens, 30)
    page = windows.open()
    page.goto(f"{bench.url}/services/dsw/")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
