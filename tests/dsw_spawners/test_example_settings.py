"""The documented example of `dsw.toml`: complete, valid, and showing the defaults."""

from __future__ import annotations

import re
import tomllib
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from tests.hubs import PROJECT

from dsw.settings import Settings, load

EXAMPLE = PROJECT / "deploy" / "dsw.example.toml"


def keys_of(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every key of the settings, as a dotted path; the items of a list share one."""
    for name, field in model.model_fields.items():
        path = f"{prefix}{name}"
        if typing.get_origin(field.annotation) is dict:
            yield path
            continue
        inner = [
            part
            for part in (field.annotation, *typing.get_args(field.annotation))
            if isinstance(part, type)
            and not isinstance(part, types.GenericAlias)
            and issubclass(part, BaseModel)
        ]
        if inner:
            yield from keys_of(inner[0], f"{path}.")
        else:
            yield path


def keys_in(tree: dict[str, Any], known: set[str], prefix: str = "") -> Iterator[str]:
    """Every key of a document, as a dotted path; what is below a known key is its value."""
    for name, value in tree.items():
        path = f"{prefix}{name}"
        if isinstance(value, dict) and path not in known:
            yield from keys_in(value, known, f"{path}.")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for item in value:
                yield from keys_in(item, known, f"{path}.")
        else:
            yield path


def with_commented_keys() -> str:
    """The example with the settings that are commented out (prose has a space after the #)."""
    return re.sub(r"(?m)^#(?=[\[a-z])", "", EXAMPLE.read_text())


def test_the_example_shows_the_defaults() -> None:
    assert load(EXAMPLE, {}) == Settings()


def test_the_example_holds_every_key_and_no_other(tmp_path: Path) -> None:
    text = with_commented_keys()
    known = set(keys_of(Settings))
    assert set(keys_in(tomllib.loads(text), known)) == known
    whole = tmp_path / "dsw.toml"
    whole.write_text(text)
    settings = load(whole, {})
    assert settings.gpus[0].type == "A100"
    assert settings.hub.traits["JupyterHub"]["active_server_limit"] == 200


def test_every_group_of_keys_has_a_comment() -> None:
    documented: set[str] = set()
    for group in re.split(r"\n\s*\n", EXAMPLE.read_text()):
        keys = set(re.findall(r"(?m)^([a-z_]+) = ", group))
        if re.search(r"(?m)^# ", group):
            documented |= keys
        assert keys <= documented, group
