"""Accounts with a password, for those who use the workbench in a browser of their own."""

from __future__ import annotations

import httpx
from tests.workbenches import TestBench, log_in

PASSWORD = "correct horse battery staple"


def make_account(workbench: TestBench, name: str) -> None:
    """Sign up and be approved by the administrator, as the pages of the hub do it."""
    with httpx.Client(base_url=workbench.url, follow_redirects=True, timeout=30) as browser:
        browser.get("/hub/signup")
        answer = browser.post(
            "/hub/signup",
            params={"_xsrf": browser.cookies.get("_xsrf", path="/hub/") or ""},
            data={
                "username": name,
                "signup_password": PASSWORD,
                "signup_password_confirmation": PASSWORD,
            },
        )
        assert "Your information has been sent" in answer.text
    with httpx.Client(base_url=workbench.url, follow_redirects=True, timeout=30) as browser:
        log_in(browser, "admin", workbench.admin_password)
        # As the link on the hub's own page, which is the only way that the hub lets this be done.
        link = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin"}
        answer = browser.get(f"/hub/authorize/{name}", headers=link)
        assert answer.status_code == 200, answer.text
