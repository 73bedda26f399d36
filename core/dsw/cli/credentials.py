"""Where `dsw login` keeps address and token: one file of mode 0600 in the user's configuration."""

from __future__ import annotations

import json
import os
from pathlib import Path

from dsw.base import Model
from dsw.client import Client
from dsw.errors import NotAuthenticated


class Credentials(Model):
    """The address of a workbench, and a hub token for it."""

    url: str
    token: str


def path() -> Path:
    """`$XDG_CONFIG_HOME/dsw/credentials.json`."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "dsw" / "credentials.json"


def read() -> Credentials:
    """`DSW_URL` and `DSW_TOKEN` when both are set, else what was kept."""
    if os.environ.get("DSW_URL") and os.environ.get("DSW_TOKEN"):
        return Credentials(url=os.environ["DSW_URL"], token=os.environ["DSW_TOKEN"])
    try:
        return Credentials.model_validate_json(path().read_text())
    except (OSError, ValueError) as error:
        raise NotAuthenticated(
            "You are not logged in to a workbench.",
            "Run: dsw login ADDRESS (or set DSW_URL and DSW_TOKEN)",
        ) from error


def write(credentials: Credentials) -> Path:
    """Keep them; the file is never readable by others, not even for a moment."""
    target = path()
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = target.with_suffix(f".{os.getpid()}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(credentials.model_dump(), file)
    aside.replace(target)
    return target


def forget() -> None:
    """Drop what was kept."""
    path().unlink(missing_ok=True)


def client() -> Client:
    """A client for the workbench that one is logged in to."""
    credentials = read()
    return Client(credentials.url, credentials.token)
