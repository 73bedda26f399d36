"""Local accounts on a real hub: the first administrator, sign-up, approval."""

from __future__ import annotations

import httpx
import pytest
from tests.dsw_spawners.conftest import Bench

from dsw import secret_files

PASSWORD = "a long enough sentence"


def sign_up(bench: Bench, name: str, password: str = PASSWORD) -> str:
    """Fill in the sign-up page; the answer's text."""
    browser = bench.hub.login("", "")
    page = browser.get(f"{bench.hub.url}/hub/signup")
    assert page.status_code == 200
    answer = browser.post(
        f"{bench.hub.url}/hub/signup",
        data={
            "username": name,
            "signup_password": password,
            "signup_password_confirmation": password,
            "_xsrf": browser.headers["X-XSRFToken"],
        },
    )
    assert answer.status_code == 200, answer.text
    return answer.text


def is_in(bench: Bench, browser: httpx.Client) -> bool:
    """Whether this browser is logged in."""
    return browser.get(f"{bench.hub.url}/hub/home").status_code == 200


def administrator(bench: Bench) -> httpx.Client:
    """The first administrator's browser."""
    return bench.hub.login("admin", bench.hub.secrets.read(secret_files.ADMIN))


def test_the_generated_password_opens_the_hub_and_leads_to_the_console(
    process_bench: Bench,
) -> None:
    browser = administrator(process_bench)
    assert is_in(process_bench, browser)
    home = browser.get(f"{process_bench.hub.url}/hub/")
    assert home.headers["Location"] == "/services/dsw/"
    assert not is_in(process_bench, process_bench.hub.login("admin", "wrong"))
    password = process_bench.hub.secrets.read(secret_files.ADMIN)
    assert password not in process_bench.hub.log.read_text()


def test_the_login_page_leads_to_the_sign_up(process_bench: Bench) -> None:
    page = httpx.get(f"{process_bench.hub.url}/hub/login", trust_env=False)
    assert '<a href="/hub/signup">Ask for an account</a>' in page.text


def test_a_new_account_waits_for_an_administrator(process_bench: Bench) -> None:
    sign_up(process_bench, "dora")
    assert not is_in(process_bench, process_bench.hub.login("dora", PASSWORD))
    admin = administrator(process_bench)
    page = admin.get(f"{process_bench.hub.url}/hub/authorize")
    assert "dora" in page.text
    approve = f"{process_bench.hub.url}/hub/authorize/dora"
    answer = admin.get(approve, headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 302
    assert is_in(process_bench, process_bench.hub.login("dora", PASSWORD))


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Referer": "https://evil.example/"}, {}],
    ids=["cross-site", "other referrer", "no origin"],
)
def test_a_link_on_another_site_approves_nobody(
    process_bench: Bench, headers: dict[str, str]
) -> None:
    name = f"eve{len(str(headers))}"
    sign_up(process_bench, name)
    admin = administrator(process_bench)
    for page in ("authorize", "discard"):
        answer = admin.get(f"{process_bench.hub.url}/hub/{page}/{name}", headers=headers)
        assert answer.status_code == 403
    assert not is_in(process_bench, process_bench.hub.login(name, PASSWORD))


def test_signing_up_under_an_administrator_s_name_makes_none(process_bench: Bench) -> None:
    """`root` is in hub.admins of this hub and has no account yet."""
    sign_up(process_bench, "root")
    assert not is_in(process_bench, process_bench.hub.login("root", PASSWORD))


@pytest.mark.parametrize("password", ["short", "x" * 100], ids=["short", "too long for bcrypt"])
def test_a_password_that_will_not_do_is_refused(process_bench: Bench, password: str) -> None:
    assert "Something went wrong" in sign_up(process_bench, f"n{len(password)}", password)
    assert not is_in(process_bench, process_bench.hub.login("admin", password))
