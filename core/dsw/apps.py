"""Apps in an instance: programs behind its own URL, declared in `dsw.toml` or by image labels."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, field_validator

from dsw.base import Model

APP_LABEL = "dsw.app."
"""An image declares an app by the label `dsw.app.NAME`, whose value is the rest of it as JSON."""

RESERVED = frozenset(
    {
        *("api", "custom", "doc", "dsw", "edit", "favicon", "files", "hub", "kernelspecs", "lab"),
        *("log", "login", "logout", "lsp", "metrics", "nbconvert", "nbextensions", "notebooks"),
        *("oauth", "proxy", "schemas", "services", "static", "terminals", "tree", "user", "view"),
    }
)
"""Paths of the server itself; no app can be there."""


def _stays_below(path: str) -> str:
    if ".." in path:
        raise ValueError("'..' could lead out of the app; write the path without it")
    return path


_Text = Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")]


_Path = Annotated[
    str,
    Field(max_length=400, pattern=r"^(?:[A-Za-z0-9?#_.~-][\x21-\x5b\x5d-\x7e]*)?$"),
    AfterValidator(_stays_below),
]


class App(Model):
    """A program that is started at its first use and then reached at `{instance URL}{name}/`.

    In `command`, `environment` and `path`, `{port}` stands for the free port that it is to listen
    on, `{unix_socket}` for a socket's path (with `unix_socket`), `{base_url}` for the server's own
    path. Braces that are meant are doubled.
    """

    name: str = Field(pattern=r"^[a-z](?:-?[a-z0-9]){0,29}$", description="Its path.")
    title: str = Field(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f\x7f]+$")
    command: list[_Text] = Field(min_length=1, max_length=100, description="Program, arguments.")
    environment: dict[str, _Text] = Field(default_factory=dict, max_length=50)
    path: _Path = Field(default="", description="What is opened below its address.")
    unix_socket: bool = Field(default=False, description="Listens on a socket, not on a port.")
    absolute: bool = Field(
        default=False, description="Requests keep their whole path; for apps that know a prefix."
    )
    local_origin: bool = Field(
        default=False,
        description="Host and Origin are sent as those of localhost; for apps that check them.",
    )
    timeout: int = Field(default=60, ge=1, le=600, description="Seconds until it must answer.")

    @field_validator("name")
    @classmethod
    def _free(cls, name: str) -> str:
        if name in RESERVED:
            raise ValueError(f"{name!r} is a path of the server itself; choose another name")
        return name


class AppLink(Model):
    """An app that this instance has; `path` is below its URL."""

    name: str = Field(max_length=30)
    title: str = Field(max_length=60)
    path: _Path


class OpenPort(Model):
    """A port that something in the instance listens on, reached at `{URL}proxy/{port}/`."""

    port: int = Field(ge=1, le=65535)
    process: str = Field(default="", max_length=100, description="The program's name.")


class Endpoints(Model):
    """What can be opened in a running instance, as its own server tells."""

    apps: list[AppLink] = Field(default_factory=list, max_length=100)
    ports: list[OpenPort] = Field(default_factory=list, max_length=200)
