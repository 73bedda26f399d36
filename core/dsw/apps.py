"""Apps in an instance: programs behind its own URL, declared in `dsw.toml` or by image labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from string import Formatter
from typing import Annotated
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, Field, ValidationError, field_validator
from pydantic_core import from_json

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


IMAGE_APPS_MAX = 40
_LABEL_MAX = 20_000
_NAME = r"^[a-z](?:-?[a-z0-9]){0,29}$"
_LINE = r"^[^\x00-\x1f\x7f]*$"

PLACEHOLDERS = frozenset({"port", "unix_socket", "base_url"})


def _stays_below(path: str) -> str:
    if ".." in unquote(path):
        raise ValueError("'..' could lead out of the app; write the path without it")
    if urlsplit(path).scheme:
        raise ValueError("a ':' in its first part could make it a whole URL; write '%3A'")
    return path


def _renders(text: str) -> str:
    """It can be filled in: a mistake is to be seen here, not when somebody opens the app."""
    try:
        fields = [(name, spec or turn) for _, name, spec, turn in Formatter().parse(text)]
    except ValueError as error:
        raise ValueError(f"{error}; double the braces that are meant as such") from error
    for name, more in fields:
        if name is not None and (name not in PLACEHOLDERS or more):
            known = ", ".join(f"{{{one}}}" for one in sorted(PLACEHOLDERS))
            raise ValueError(
                f"{{{name}}} is none of {known}; double the braces that are meant as such"
            )
    return text


_Text = Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$"), AfterValidator(_renders)]
_Variable = Annotated[str, Field(max_length=200, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]

_Path = Annotated[
    str,
    Field(max_length=400, pattern=r"^(?:[A-Za-z0-9?#_.~-][\x21-\x5b\x5d-\x7e]*)?$"),
    AfterValidator(_stays_below),
]


class App(Model):
    """A program that is started at its first use and then reached at `{instance URL}{name}/`.

    In `command` and `environment`, `{port}` stands for the free port that it is to listen on,
    `{unix_socket}` for a socket's path (with `unix_socket`), `{base_url}` for the server's own
    path. Braces that are meant as such are doubled.
    """

    name: str = Field(pattern=_NAME, description="Its path.")
    title: str = Field(min_length=1, max_length=60, pattern=_LINE, description="For people.")
    command: list[_Text] = Field(min_length=1, max_length=100, description="Program, arguments.")
    environment: dict[_Variable, _Text] = Field(
        default_factory=dict, max_length=50, description="Variables that it gets besides."
    )
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

    name: str = Field(pattern=_NAME)
    title: str = Field(max_length=60, pattern=_LINE)
    path: _Path


class OpenPort(Model):
    """A port that something in the instance listens on, reached at `{URL}proxy/{port}/`."""

    port: int = Field(ge=1, le=65535)
    process: str = Field(
        default="", max_length=100, pattern=_LINE, description="The program's name."
    )


class Endpoints(Model):
    """What can be opened in a running instance, as its own server tells."""

    apps: list[AppLink] = Field(default_factory=list, max_length=100)
    ports: list[OpenPort] = Field(default_factory=list, max_length=200)


def declared(labels: Mapping[str, str]) -> tuple[list[App], str]:
    """The apps that an image's labels declare, by name, and a sentence on what is wrong with the
    others, which are left out."""
    apps, wrong = [], []
    for label in sorted(label for label in labels if label.startswith(APP_LABEL)):
        try:
            apps.append(_of_label(label.removeprefix(APP_LABEL), labels[label]))
        except ValueError as error:
            wrong.append(f"{label[:60]!r} ({_first_mistake(error)})")
    if len(apps) > IMAGE_APPS_MAX:
        wrong.append(f"all after the first {IMAGE_APPS_MAX}")
    told = ", ".join(wrong[:3]) + (" and others" if len(wrong) > 3 else "")
    return apps[:IMAGE_APPS_MAX], f"Labels that declare no app: {told}." if wrong else ""


def merged(*sources: Iterable[App]) -> list[App]:
    """All of them; of several with one name the last."""
    return list({app.name: app for source in sources for app in source}.values())


def _of_label(name: str, text: str) -> App:
    if len(text) > _LABEL_MAX:
        raise ValueError(f"longer than {_LABEL_MAX} characters")
    about = from_json(text)
    if not isinstance(about, dict):
        raise ValueError("no JSON object")
    if "name" in about:
        raise ValueError("its name is that of the label; leave it out")
    return App.model_validate({**about, "name": name})


def _first_mistake(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)[:200]
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"]))
    return f"{where[:60]}: {first['msg'][:200]}" if where else first["msg"][:200]
