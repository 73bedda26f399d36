"""Who a token or a cookie speaks for."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dsw.errors import Forbidden, NotAuthenticated
from dsw.lifecycle import HubView
from dsw_control.api.login import safe_next
from dsw_control.auth import Authenticator, Caller, Session, caller_of, check_xsrf
from dsw_control.hub import Hub, hub_view

INSTANCE = "custom:dsw:instance!server=ada/train"


@pytest.mark.parametrize(
    ("scopes", "caller"),
    [
        (["access:services!service=dsw"], Caller(name="ada")),
        (["access:services"], Caller(name="ada")),
        ([INSTANCE, "access:servers!server=ada/train"], Caller(name="ada", server="train")),
    ],
)
def test_a_token_speaks_for_what_its_scopes_say(scopes: list[str], caller: Caller) -> None:
    assert caller_of({"kind": "user", "name": "ada", "scopes": scopes}) == caller


@pytest.mark.parametrize(
    "model",
    [
        {"kind": "user", "name": "ada", "scopes": []},
        {"kind": "user", "name": "ada", "scopes": ["access:services!service=other"]},
        {"kind": "user", "name": "ada", "scopes": ["access:servers!server=ada/train"]},
        {"kind": "user", "name": "ada", "scopes": ["custom:dsw:instance!server=bob/train"]},
        {"kind": "user", "name": "ada", "scopes": ["custom:dsw:instance"]},
        {"kind": "service", "name": "other", "scopes": ["access:services"]},
        {},
    ],
)
def test_a_token_without_a_fitting_scope_is_refused(model: dict[str, Any]) -> None:
    with pytest.raises(NotAuthenticated):
        caller_of(model)


@pytest.fixture
async def authenticator() -> Authenticator:
    return Authenticator(Hub("http://127.0.0.1:9/hub/api", "t"), "secret")


class SlowHub(Hub):
    """Answers when it is told to, and counts how often it was asked."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:9/hub/api", "t")
        self.asked: list[str] = []
        self.answers = asyncio.Event()

    async def whoami(self, token: str) -> dict[str, Any]:
        self.asked.append(token)
        await self.answers.wait()
        if token == "bad":
            raise NotAuthenticated("The token is not known to the hub.")
        return {"kind": "user", "name": token, "scopes": ["access:services!service=dsw"]}

    async def user(self, name: str) -> dict[str, Any]:
        return {"name": name, "admin": name == "root"}


async def test_requests_that_come_at_once_ask_the_hub_once_and_welcome_once() -> None:
    hub, welcomed = SlowHub(), []

    async def welcome(name: str) -> None:
        welcomed.append(name)

    authenticator = Authenticator(hub, "secret")
    asking = [asyncio.create_task(authenticator.caller("root", welcome)) for _ in range(5)]
    refused = [asyncio.create_task(authenticator.caller("bad", welcome)) for _ in range(2)]
    gone = asyncio.create_task(authenticator.caller("root", welcome))
    await asyncio.sleep(0)
    gone.cancel()
    hub.answers.set()
    assert {await task for task in asking} == {Caller(name="root", admin=True)}
    for task in refused:
        with pytest.raises(NotAuthenticated):
            await task
    assert await authenticator.caller("root", welcome) == Caller(name="root", admin=True)
    assert (hub.asked, welcomed) == (["root", "bad"], ["root"])
    authenticator.forget("root")
    await authenticator.caller("root", welcome)
    assert (hub.asked, welcomed) == (["root", "bad", "root"], ["root", "root"])
    await hub.close()


async def test_a_session_cookie_is_read_back_and_only_by_its_maker(
    authenticator: Authenticator,
) -> None:
    session = authenticator.new_session("token")
    cookie = authenticator.seal(session.model_dump())
    assert "token" not in cookie
    assert authenticator.session(cookie) == session
    assert authenticator.session(cookie[:-4] + "AAAA") is None
    other = Authenticator(Hub("http://127.0.0.1:9/hub/api", "t"), "another secret")
    assert other.session(cookie) is None
    assert authenticator.session(None) is None


@pytest.mark.parametrize("header", [None, "", "other", "ünicode"])
def test_a_change_by_cookie_needs_its_own_header(header: str | None) -> None:
    session = Session(token="t", xsrf="right")
    check_xsrf(session, "right")
    with pytest.raises(Forbidden):
        check_xsrf(session, header)


@pytest.mark.parametrize(
    ("target", "goes_to"),
    [
        ("/services/dsw/#/images", "/services/dsw/#/images"),
        ("", "/services/dsw/"),
        ("https://evil.example.org/services/dsw/", "/services/dsw/"),
        ("//evil.example.org/services/dsw/", "/services/dsw/"),
        ("/services/dsw//evil.example.org", "/services/dsw/"),
        ("/services/dsw/\\evil.example.org", "/services/dsw/"),
        ("/hub/logout", "/services/dsw/"),
        ("javascript:alert(1)", "/services/dsw/"),
    ],
)
def test_after_the_login_one_stays_on_this_service(target: str, goes_to: str) -> None:
    assert safe_next("/services/dsw/", target) == goes_to


@pytest.mark.parametrize(
    ("server", "view"),
    [
        (None, HubView.ABSENT),
        ({"pending": "spawn", "ready": False, "stopped": False}, HubView.STARTING),
        ({"pending": "stop", "ready": False, "stopped": False}, HubView.STOPPING),
        ({"pending": None, "ready": True, "stopped": False}, HubView.READY),
        ({"pending": None, "ready": False, "stopped": True}, HubView.STOPPED),
    ],
)
def test_the_hubs_model_of_a_server_is_read(server: Any, view: HubView) -> None:
    servers = {} if server is None else {"train": server}
    assert hub_view({"servers": servers}, "train") is view
    assert hub_view(None, "train") is HubView.ABSENT
