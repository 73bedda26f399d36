"""The reference tables of the documentation, written from what the code says of itself."""

from __future__ import annotations

import json
import re
import sys
import typing
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from dsw.settings import Settings
from dsw.units import format_size
from workbench.arguments import ROOT

PAGE = ROOT / "docs" / "operators" / "configuration.md"
BEGIN = "<!-- scripts/docs writes from here ... -->"
END = "<!-- ... to here -->"
SIZES = frozenset({"memory", "shared_memory"})


def settings_reference() -> str:
    """One table for each section of `dsw.toml`, top-level keys first."""
    return "\n\n".join(_section(title, model) for title, model in sections(Settings))


def sections(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """Every table of the settings with its TOML header, in the order of the models."""
    yield prefix or "Top level", model
    for name, field in model.model_fields.items():
        inner, is_list = _table(field)
        if inner is not None:
            path = f"{prefix.strip('[]')}.{name}".lstrip(".")
            yield from sections(inner, f"[[{path}]]" if is_list else f"[{path}]")


def updated(page: str, reference: str) -> str:
    """The page with the text between the markers replaced."""
    pattern = re.compile(rf"({re.escape(BEGIN)}\n).*(\n{re.escape(END)})", re.DOTALL)
    return pattern.sub(lambda found: f"{found[1]}\n{reference}\n{found[2]}", page)


def _table(field: FieldInfo) -> tuple[type[BaseModel] | None, bool]:
    """The model behind a key that is a table, and whether it is a list of tables."""
    kind, parts = field.annotation, typing.get_args(field.annotation)
    if isinstance(kind, type) and not parts and issubclass(kind, BaseModel):
        return kind, False
    if parts and isinstance(parts[0], type) and issubclass(parts[0], BaseModel):
        return parts[0], True
    return None, False


def _section(title: str, model: type[BaseModel]) -> str:
    heading = title if title == "Top level" else f"`{title}`"
    about = (model.__doc__ or "").partition("\n\n")[0]
    lines = [f"### {heading}", "", about, "", "| key | default | meaning |", "|---|---|---|"]
    for name, field in model.model_fields.items():
        if _table(field)[0] is None:
            meaning = (field.description or "").replace("|", "\\|")
            lines.append(f"| `{name}` | {_default(name, field)} | {meaning} |")
    return "\n".join(lines)


def _default(name: str, field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    value: Any = field.get_default(call_default_factory=True)
    if name in SIZES and value:
        return f'`"{format_size(value).replace(" ", "")}"`'
    return f"`{json.dumps(value)}`"


def main() -> None:
    """Write the page anew."""
    page = PAGE.read_text("utf-8")
    PAGE.write_text(updated(page, settings_reference()), "utf-8")
    sys.stdout.write(f"{PAGE.relative_to(ROOT)} is as the settings are.\n")


if __name__ == "__main__":
    main()
