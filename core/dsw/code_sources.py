"""A code source: a git repository that is cloned into an instance when it starts."""

from __future__ import annotations

import re
from datetime import datetime
from urllib.parse import unquote, urlsplit

from pydantic import Field

from dsw.base import Model, View
from dsw.errors import Invalid
from dsw.images import ImageName
from dsw.names import id_pattern

GIT_URL = r"^https?://[^\s\x00-\x1f\x7f@?#]+$"
GIT_REF = r"^[A-Za-z0-9][A-Za-z0-9._/+-]{0,199}$"
_FOLDER = r"[^./\\\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]*"
DIRECTORY = rf"^{_FOLDER}(?:/{_FOLDER})*$"
"""Folders of a relative path, of which none begins with a dot: neither upwards nor hidden."""

_DEFAULT_PORTS = {"http": 80, "https": 443}


class CodeSourceCreate(Model):
    """A repository by its http(s) address, without credentials in it.

    `ref` is a branch, a tag or a commit; empty: the repository's default branch. `directory` is
    below `/mnt/workspace`; empty: the repository's name.
    """

    workspace: str | None = Field(default=None, max_length=64, description="Id or name.")
    name: ImageName
    url: str = Field(max_length=1000, pattern=GIT_URL)
    ref: str = Field(default="", max_length=200, pattern=rf"{GIT_REF}|^$")
    directory: str = Field(default="", max_length=200)
    credential: str | None = Field(default=None, pattern=id_pattern("cred"))


class CodeSourceView(View):
    """A registered repository."""

    id: str
    workspace_id: str
    name: str
    url: str
    ref: str
    directory: str
    credential: str | None = None
    owner: str
    created_at: datetime


class CodeCheckout(Model):
    """What an instance clones at its start, as the launch plan hands it over.

    `directory` is relative to the home. The credential is for `url`'s host only.
    """

    url: str = Field(pattern=GIT_URL)
    ref: str = Field(default="", pattern=rf"{GIT_REF}|^$")
    directory: str = Field(pattern=DIRECTORY)
    username: str = ""
    secret: str = Field(default="", repr=False)


def repository_host(url: str) -> str:
    """Where a repository's credential may go: `host[:port]`, in lower case and without the port
    that its scheme has anyway. `Invalid` when the address names no host."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if not re.fullmatch(GIT_URL, url) or not re.fullmatch(r"[a-z0-9.-]+|[0-9a-f:.]+", host):
        raise Invalid(
            f"{url[:200]!r} is not the address of a repository.",
            "It is http:// or https://, a host and a path, without a user name or password in it.",
        )
    shown = f"[{host}]" if ":" in host else host
    return shown if port in (None, _DEFAULT_PORTS[parts.scheme]) else f"{shown}:{port}"


def clone_directory(url: str, directory: str = "") -> str:
    """The folder to clone into, relative to the home; by default it is the repository's name."""
    chosen = directory or _repository_name(url)
    if not re.fullmatch(DIRECTORY, chosen) or any(
        len(part.encode()) > 255 for part in chosen.split("/")
    ):
        raise Invalid(
            f"Nothing can be cloned into {chosen[:200]!r}.",
            "A directory is relative to /mnt/workspace; no part of it is empty or begins with a "
            "dot. For example: projects/model.",
        )
    return chosen


def _repository_name(url: str) -> str:
    name = unquote(urlsplit(url).path).rstrip("/").rpartition("/")[2]
    return name.removesuffix(".git").lstrip(".")
