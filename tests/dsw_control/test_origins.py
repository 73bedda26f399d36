"""Control where users have origins of their own: addresses, cookies, and pages of other origins."""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from tests.dsw_control.apis import Api
from tests.dsw_control.conftest import MakeApi

HTTPS = {"hub": {"subdomain_host": "https://dsw.example.com"}}
LOCAL = {"hub": {"subdomain_host": "http://dsw.localhost:8000", "base_url": "/x/"}}
FROM_AN_INSTANCE = {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}


def client(api: Api, host: str = "https://dsw.example.com") -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(api.app), base_url=host)


def session_of(api: Api, prefix: str = "") -> dict[str, str]:
    """The headers of a browser in which ada is logged in, and which sends the XSRF token."""
    session = api.control.auth.new_session("user-ada")
    sealed = api.control.auth.seal(session.model_dump())
    cookie = f"{prefix}dsw-session={sealed}; {prefix}dsw-xsrf={session.xsrf}"
    return {"Cookie": cookie, "X-DSW-XSRF": session.xsrf}


async def test_an_instances_address_is_on_its_owners_origin(make_api: MakeApi) -> None:
    control = (await make_api(**LOCAL)).control
    assert control.url_of("ada", "train") == "http://ada.dsw.localhost:8000/x/user/ada/train/"
    other = control.url_of("a@b", "train")
    assert urlsplit(other).path == "/x/user/a%40b/train/"
    assert urlsplit(other).netloc.startswith("u-a-b--")
    shared = (await make_api()).control
    assert shared.url_of("ada", "train") == "/user/ada/train/"


@pytest.mark.parametrize(
    ("sections", "prefix", "path", "secure", "callback"),
    [
        (HTTPS, "__Host-", "/", True, "https://dsw.example.com/services/dsw/oauth_callback"),
        (
            LOCAL,
            "",
            "/x/services/dsw/",
            "",
            "http://dsw.localhost:8000/x/services/dsw/oauth_callback",
        ),
        ({}, "", "/services/dsw/", "", "/services/dsw/oauth_callback"),
        (
            {"hub": {"public_url": "https://hub.example.org"}},
            *("", "/services/dsw/", True, "/services/dsw/oauth_callback"),
        ),
    ],
)
async def test_the_login_comes_back_to_control_and_its_cookies_go_nowhere_else(
    make_api: MakeApi, sections: Any, prefix: str, path: str, secure: object, callback: str
) -> None:
    api = await make_api(**sections)
    base = api.control.settings.service_prefix
    async with client(api, "http://dsw.test") as browser:
        answer = await browser.get(f"{base}login")
        cookies = SimpleCookie(answer.headers["set-cookie"])
        (name,) = cookies
        assert name == f"{prefix}dsw-login"
        assert (cookies[name]["path"], cookies[name]["secure"]) == (path, secure)
        assert not cookies[name]["domain"]
        query = parse_qs(urlsplit(answer.headers["location"]).query)
        assert query["redirect_uri"] == [callback]
        out = await browser.get(f"{base}logout")
        for line in out.headers.get_list("set-cookie"):
            (gone,) = SimpleCookie(line).values()
            assert gone.key.startswith(f"{prefix}dsw-")
            assert (gone["path"], gone["max-age"]) == (path, "0")
            assert bool(gone["secure"]) is bool(prefix)


async def test_a_forwarded_https_makes_cookies_secure(make_api: MakeApi) -> None:
    async with client(await make_api(), "http://dsw.test") as browser:
        answer = await browser.get(
            "/services/dsw/login", headers={"X-Forwarded-Proto": "https,http"}
        )
    assert "secure" in answer.headers["set-cookie"].lower()


async def test_a_cookie_without_the_prefix_is_nobodys(make_api: MakeApi) -> None:
    api = await make_api(**HTTPS)
    async with client(api) as browser:
        planted = await browser.get("/services/dsw/api/me", headers=session_of(api))
        own = await browser.get("/services/dsw/api/me", headers=session_of(api, "__Host-"))
    assert (planted.status_code, own.status_code) == (401, 200)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}, 200),
        ({"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}, 200),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate"}, 200),
        ({"Origin": "https://dsw.example.com"}, 200),
        (FROM_AN_INSTANCE, 403),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}, 403),
        ({"Origin": "https://alice.dsw.example.com"}, 403),
        ({"Origin": "https://dsw.example.com.evil.org"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
async def test_a_page_of_another_origin_does_not_ask_with_the_cookie(
    make_api: MakeApi, headers: dict[str, str], status: int
) -> None:
    api = await make_api(**HTTPS)
    async with client(api) as browser:
        asked = session_of(api, "__Host-") | headers
        answer = await browser.get("/services/dsw/api/me", headers=asked)
        assert answer.status_code == status, answer.text
        if status == 403:
            assert answer.json()["detail"].startswith("The request comes from a page of another")
            changed = await browser.post("/services/dsw/api/instances", headers=asked, json={})
            assert changed.status_code == 403
        token = {"Authorization": "Bearer user-ada"} | headers
        assert (await browser.get("/services/dsw/api/me", headers=token)).status_code == 200


async def test_a_page_of_another_origin_logs_nobody_out(make_api: MakeApi) -> None:
    async with client(await make_api(**HTTPS)) as browser:
        image = {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"}
        answer = await browser.get("/services/dsw/logout", headers=image)
    assert answer.headers["location"] == "/services/dsw/"
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("path", "goes_to"),
    [
        ("/x/user/ada/train/lab?a=1&b=%2F", "/x/user/ada/train/lab?a=1&b=%2F"),
        ("/x/user/a%40b/train/%2e%2e/", "/x/user/a%40b/train/%2e%2e/"),
        ("//evil.example.org/", "/evil.example.org/"),
        ("/", "/"),
    ],
)
async def test_a_page_of_a_host_without_a_server_goes_on_at_the_workbenchs_own(
    make_api: MakeApi, path: str, goes_to: str
) -> None:
    api = await make_api(**LOCAL)
    async with client(api, "http://ada.dsw.localhost:8000") as browser:
        html = {"Accept": "text/html,*/*;q=0.8"}
        answer = await browser.get(f"/elsewhere{path}", headers=html)
        assert answer.status_code == 302
        assert answer.headers["location"] == f"http://dsw.localhost:8000{goes_to}"
        fetched = await browser.get(f"/elsewhere{path}", headers=html | FROM_AN_INSTANCE)
        sent = await browser.post(f"/elsewhere{path}", headers=html)
    for refused in (fetched, sent):
        assert refused.status_code == 424
        assert refused.json()["message"].startswith("No instance runs at this address.")


async def test_the_own_host_without_a_hub_loads_itself_again(make_api: MakeApi) -> None:
    async with client(await make_api(**LOCAL), "http://dsw.localhost:8000") as browser:
        answer = await browser.get("/elsewhere/x/hub/login", headers={"Accept": "text/html"})
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "2"
