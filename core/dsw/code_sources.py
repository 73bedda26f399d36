"""A code source: a git repository that is cloned into an instance when it starts."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from dsw.base import Model, View
from dsw.images import ImageName
from dsw.names import id_pattern

GIT_URL = r"^https?://[^\s\x00-\x1f\x7f@?#]+$"
GIT_REF = r"^[A-Za-z0-9][A-Za-z0-9._/+-]{0,199}$"


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

    `directory` is relative to the home. The credential is for `url` only.
    """

    url: str
    ref: str = ""
    directory: str
    username: str = ""
    secret: str = Field(default="", repr=False)
