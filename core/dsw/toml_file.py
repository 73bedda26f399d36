"""A TOML file and the environment as one checked model, and its mistakes with their lines."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from dsw.base import Model
from dsw.errors import ConfigError
from dsw.toml_lines import line_of

M = TypeVar("M", bound=Model)
Overridden = dict[tuple[str, ...], str]
"""Which variable set which key."""


def read_toml(model: type[M], name: str, environ: Mapping[str, str]) -> M:
    """The model from the file of this name (none: an empty one), overridden by `DSW_*` variables.

    Every mistake is a `ConfigError` that names the file and the line, or the variable.
    """
    text = ""
    if name:
        try:
            text = Path(name).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{name} cannot be read: {error}.") from error
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name} is not valid TOML: {error}.") from error
    overridden = _override(model, tree, environ)
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(_explain(model, error, name, text, overridden)) from error


def _override(model: type[Model], tree: dict[str, Any], environ: Mapping[str, str]) -> Overridden:
    """Put `DSW_*` variables into the tree; the answer tells which variable set which key."""
    done: Overridden = {}
    for name, field in model.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, Model):
            for key, inner in section.model_fields.items():
                variable = f"DSW_{name}_{key}".upper()
                if variable in environ:
                    table = tree.setdefault(name, {})
                    if isinstance(table, dict):
                        table[key] = _from_text(inner.annotation, environ[variable])
                        done[name, key] = variable
        elif f"DSW_{name}".upper() in environ:
            variable = f"DSW_{name}".upper()
            tree[name] = _from_text(field.annotation, environ[variable])
            done[(name,)] = variable
    return done


def _from_text(annotation: Any, text: str) -> Any:
    """Lists and tables as JSON, everything else as it is (pydantic reads numbers and booleans)."""
    if text[:1] in "[{":
        try:
            return TypeAdapter(Any).validate_json(text)
        except ValidationError:
            return text
    return text


def _explain(
    model: type[Model], error: ValidationError, name: str, text: str, overridden: Overridden
) -> str:
    sentences = []
    for item in error.errors():
        path = tuple(str(part) for part in item["loc"])
        where = f"line {line_of(text, item['loc'])}" if text else "defaults"
        for length in (1, 2):
            if path[:length] in overridden:
                where = f"variable {overridden[path[:length]]}"
        key = ".".join(path) or "the file"
        if item["type"] == "extra_forbidden":
            allowed = ", ".join(sorted(_keys_at(model, path[:-1])))
            sentences.append(f"{where}: {key} is not a known key; known here: {allowed}")
        else:
            message = item["msg"].removeprefix("Value error, ")
            sentences.append(f"{where}: {key}: {message}")
    return f"{name or 'The environment'}: " + "; ".join(sentences) + "."


def _keys_at(root: type[Model], path: tuple[str, ...]) -> list[str]:
    model: Any = root
    for part in path:
        if part.isdigit():
            continue
        annotation = model.model_fields[part].annotation
        inner = getattr(annotation, "__args__", None)
        model = inner[0] if inner else annotation
    return list(model.model_fields)
