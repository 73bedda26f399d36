"""Local accounts: the generated first administrator, and sign-up that needs an approval."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from nativeauthenticator import NativeAuthenticator
from nativeauthenticator.handlers import (
    TEMPLATE_DIR,
    DiscardHandler,
    ToggleAuthorizationHandler,
)
from nativeauthenticator.orm import UserInfo
from tornado import web
from traitlets import Unicode, default

BCRYPT_MAX_BYTES = 72
TEMPLATES: str = TEMPLATE_DIR
"""The account pages."""


class SameOriginOnly:
    """Refuses a GET that changes something when another site's link led to it.

    The account pages of NativeAuthenticator approve and discard by plain links, which the hub's
    own XSRF check lets through.
    """

    async def prepare(self) -> None:
        """Answer 403 unless the browser says that the hub's own page was the source."""
        await super().prepare()  # type: ignore[misc]
        headers = self.request.headers  # type: ignore[attr-defined]
        site = headers.get("Sec-Fetch-Site")
        if site is None:
            same = urlsplit(headers.get("Referer", "")).netloc == headers.get("Host")
        else:
            same = site == "same-origin"
        if not same:
            raise web.HTTPError(403, "Open the authorization page of the hub and choose there.")


class ToggleFromHere(SameOriginOnly, ToggleAuthorizationHandler):  # type: ignore[misc]
    """Approves a sign-up, or withdraws the approval."""


class DiscardFromHere(SameOriginOnly, DiscardHandler):  # type: ignore[misc]
    """Discards a sign-up."""


class LocalAuthenticator(NativeAuthenticator):  # type: ignore[misc]
    """Names and passwords in the hub's own database.

    The first administrator is made at start. People sign up themselves, and an administrator
    approves them on the page `/hub/authorize`.
    """

    enable_signup: bool

    first_admin = Unicode(
        "",
        config=True,
        help="""
        Name of the administrator that is made at start when there is no account of that name.

        Empty: none is made.
        """,
    )

    first_admin_password = Unicode(
        "",
        config=True,
        help="""
        Password that a new first administrator gets. It is not applied again once the account
        exists, so it can be changed in the hub.
        """,
    )

    @default("allow_all")
    def _allow_whom_an_admin_approved(self) -> bool:
        return True

    @default("minimum_password_length")
    def _default_minimum_password_length(self) -> int:
        return 10

    @default("check_common_password")
    def _default_check_common_password(self) -> bool:
        return True

    @default("allowed_failed_logins")
    def _default_allowed_failed_logins(self) -> int:
        return 10

    @default("seconds_before_next_try")
    def _default_seconds_before_next_try(self) -> int:
        return 60

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.first_admin and not self.user_exists(self.first_admin):
            self._make_first_admin()

    def _make_first_admin(self) -> None:
        # NativeAuthenticator makes no account at all while sign-up is closed.
        signup = bool(self.enable_signup)
        self.enable_signup = True
        made = self.create_user(self.first_admin, self.first_admin_password, is_authorized=True)
        self.enable_signup = signup
        if made is None:
            self.log.error("The first administrator %r cannot be made", self.first_admin)

    def get_authed_users(self) -> set[str]:
        """Who is approved. Not everybody listed in `admin_users`: a stranger could sign up under
        such a name and would be an administrator at once."""
        return {info.username for info in UserInfo.all_users(self.db) if info.is_authorized}

    def is_password_strong(self, password: str) -> bool:
        """Also refuses what bcrypt cannot hash."""
        return len(password.encode()) <= BCRYPT_MAX_BYTES and super().is_password_strong(password)

    async def authenticate(self, handler: Any, data: dict[str, str]) -> Any:
        """The user's name, or None."""
        if len(data["password"].encode()) > BCRYPT_MAX_BYTES:
            return None
        return await super().authenticate(handler, data)

    def get_handlers(self, app: Any) -> list[tuple[str, Any]]:
        """The account pages: the hub's own login (NativeAuthenticator's does not work with
        JupyterHub 6), approval and discarding from the hub's own page only."""
        own = {ToggleAuthorizationHandler: ToggleFromHere, DiscardHandler: DiscardFromHere}
        pages = super().get_handlers(app)
        return [(path, own.get(page, page)) for path, page in pages if path != "/login"]


def page_variables(base_url: str) -> dict[str, Any]:
    """What the hub's pages say to link the account pages from the login page."""
    signup = f'<a href="{base_url}hub/signup">Ask for an account</a>'
    return {"announcement_login": f"New here? {signup}; an administrator approves it."}
