"""Apps: what may be declared, what an image's labels say, and which declaration wins."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dsw.apps import IMAGE_APPS_MAX, RESERVED, App, AppLink, Endpoints, declared, merged

BOARD: dict[str, Any] = {"title": "Board", "command": ["board", "--port={port}"]}


def an_app(**changes: Any) -> App:
    return App.model_validate({"name": "board", **BOARD, **changes})


def label(**changes: Any) -> str:
    return json.dumps({**BOARD, **changes})


def test_an_image_declares_apps_by_its_labels() -> None:
    labels = {"dsw.app.board": label(timeout=90), "dsw.label.os": "Debian 12", "other": "{}"}
    assert declared(labels) == ([an_app(timeout=90)], "")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("board", "{", "dsw.app.board"),
        ("board", "[]", "no JSON object"),
        ("board", "1e999", "no JSON object"),
        ("board", label(name="lab"), "leave it out"),
        ("board", label(extra=1), "extra"),
        ("board", json.dumps({"title": "Board"}), "command"),
        ("board", label(command=[]), "command"),
        ("board", label(command=["board", "{home}"]), "{home}"),
        ("board", label(command=["board", "{port.__class__}"]), "{port.__class__}"),
        ("board", label(command=["board", "{port!r}"]), "{port}"),
        ("board", label(command=["board", "{port:>9999999}"]), "{port}"),
        ("board", label(command=["board", "{"]), "double the braces"),
        ("board", label(environment={"A=B": "x"}), "environment"),
        ("board", label(path="../../hub"), "path"),
        ("board", label(path="%2e%2e/hub"), "path"),
        ("board", label(path="//example.org/"), "path"),
        ("board", label(path="javascript:alert(1)"), "path"),
        ("lab", label(), "a path of the server"),
        ("Board", label(), "name"),
        ("a/b", label(), "name"),
        ("", label(), "name"),
        ("board", label() + " " * 20_000, "longer"),
        ("board", "[" * 10_000, "dsw.app.board"),
    ],
)
def test_a_label_that_declares_no_app_is_left_out_with_a_sentence(
    name: str, text: str, said: str
) -> None:
    apps, wrong = declared({f"dsw.app.{name}": text, "dsw.app.good": label()})
    assert [app.name for app in apps] == ["good"]
    assert wrong.startswith("Labels that declare no app: ")
    assert said in wrong
    assert len(wrong) < 1000


@given(st.dictionaries(st.text(max_size=40).map("dsw.app.{}".format), st.text(max_size=200)))
def test_no_label_is_an_error(labels: dict[str, str]) -> None:
    apps, wrong = declared(labels)
    assert len(apps) == 0
    assert bool(wrong) == bool(labels)


def test_an_image_declares_no_more_than_can_be_shown() -> None:
    apps, wrong = declared({f"dsw.app.a{number}": label() for number in range(200)})
    assert len(apps) == IMAGE_APPS_MAX
    assert f"first {IMAGE_APPS_MAX}" in wrong


def test_the_later_source_wins_by_name() -> None:
    ours = an_app(title="Ours")
    assert merged([an_app(), an_app(name="other")], [ours]) == [ours, an_app(name="other")]


def test_no_app_takes_a_path_of_the_server() -> None:
    for name in RESERVED:
        with pytest.raises(ValidationError):
            an_app(name=name)


@pytest.mark.parametrize(
    "path", ["", "tree?folder=/mnt/workspace", "#/runs", "?a=b:c", "a/b:c", "a%3Ab", "./a:b"]
)
def test_a_path_below_the_app_is_fine(path: str) -> None:
    assert an_app(path=path).path == path
    assert AppLink(name="board", title="Board", path=path).path == path


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "//a.b/",
        "\\\\a",
        "javascript:alert(1)",
        "data:,x",
        "a/../../x",
        "a/%2E%2e/x",
        "a b",
        "a\n",
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    for model, fields in ((AppLink, {"title": "Board"}), (App, BOARD)):
        with pytest.raises(ValidationError):
            model.model_validate({"name": "board", **fields, "path": path})


@pytest.mark.parametrize(
    "told",
    [
        {"ports": [{"port": 0}]},
        {"ports": [{"port": 65536}]},
        {"ports": [{"port": 80, "process": "a\nb"}]},
        {"ports": [{"port": 80, "host": "example.org"}]},
        {"ports": [{"port": port} for port in range(1, 202)]},
        {"apps": [{"name": "../x", "title": "X", "path": ""}]},
        {"apps": [{"name": "x", "title": "\x1b[31mX", "path": ""}]},
        {"more": 1},
    ],
)
def test_what_a_server_tells_is_a_closed_schema(told: Any) -> None:
    with pytest.raises(ValidationError):
        Endpoints.model_validate(told)
