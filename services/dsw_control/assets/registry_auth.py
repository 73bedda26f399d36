"""How a registry is shown who asks: its challenge, answered with a token or the login itself."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping

import httpx
from pydantic import Field

from dsw.base import Model
from dsw.plan import RegistryLogin
from dsw_control.assets.manifests import read_json

UNSAID = 60
"""Seconds that a token is good for whose service does not say."""

_PARAMETER = re.compile(r'(\w+)="([^"]*)"')


class Token(Model):
    """A bearer token and how many seconds it is good for."""

    text: str = Field(repr=False)
    seconds: int


def basic(login: RegistryLogin) -> str:
    """The `Authorization` of user name and secret."""
    pair = f"{login.username}:{login.secret}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"


def token_request(challenge: str, scopes: list[str] | None = None) -> httpx.URL:
    """Where a `Bearer` challenge says that a token can be had; for these scopes instead of its."""
    asked: Mapping[str, str] = dict(_PARAMETER.findall(challenge.partition(" ")[2]))
    realm = httpx.URL(asked.get("realm", ""))
    wanted: dict[str, str | list[str]] = {
        key: asked[key] for key in ("service", "scope") if key in asked
    }
    if scopes is not None:
        wanted["scope"] = scopes
    return realm.copy_merge_params(wanted)


def scope_of(challenge: str) -> str:
    """What a challenge says that the token must be for."""
    asked: Mapping[str, str] = dict(_PARAMETER.findall(challenge))
    return asked.get("scope", "")


def read_token(body: bytes) -> Token:
    """A token service's answer; `ValueError` when it is no such answer."""
    told = read_json(body)
    if not isinstance(told, dict):
        raise ValueError("no object")
    text = told.get("token") or told.get("access_token")
    if not isinstance(text, str) or not re.fullmatch(r"[\x21-\x7e]+", text):
        raise ValueError("no token")
    seconds = told.get("expires_in")
    return Token(text=text, seconds=seconds if isinstance(seconds, int) and seconds > 0 else UNSAID)
