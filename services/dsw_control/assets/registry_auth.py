"""How a registry is shown who asks: its challenge, answered with a token or the login itself."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping

import httpx

from dsw.plan import RegistryLogin
from dsw_control.assets.manifests import read_json

_PARAMETER = re.compile(r'(\w+)="([^"]*)"')


def basic(login: RegistryLogin) -> str:
    """The `Authorization` of user name and secret."""
    pair = f"{login.username}:{login.secret}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"


def token_request(challenge: str) -> httpx.URL | None:
    """Where the challenge says that a token can be had; None when it asks for the login itself."""
    scheme, _, rest = challenge.partition(" ")
    if scheme.lower() != "bearer":
        return None
    asked: Mapping[str, str] = dict(_PARAMETER.findall(rest))
    realm = httpx.URL(asked.get("realm", ""))
    wanted = {key: asked[key] for key in ("service", "scope") if key in asked}
    return realm.copy_merge_params(wanted)


def bearer(body: bytes) -> str:
    """The `Authorization` of a token service's answer; `ValueError` when it is no such answer."""
    told = read_json(body)
    token = (told.get("token") or told.get("access_token")) if isinstance(told, dict) else None
    if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]+", token):
        raise ValueError("no token")
    return f"Bearer {token}"
