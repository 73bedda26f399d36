"""The steps from what a workspace is to what it should be, in an order that is safe to stop at any
point. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from pydantic import BaseModel

from dsw.base import Model
from dsw.manifest.state import WorkspaceState, nothing
from dsw.roles import Role
from dsw.units import format_size

SIZES = frozenset({"memory", "storage"})


class Part(StrEnum):
    """What of a workspace a step is about; the words that people read."""

    WORKSPACE = "workspace"
    REGISTRY = "registry"
    ROLE = "role"
    QUOTA = "quota"
    MEMBER = "member"
    CODE_SOURCE = "code source"
    IMAGE = "image"
    DATASET = "dataset"


SECTIONS: dict[Part, str] = {
    Part.ROLE: "roles",
    Part.QUOTA: "quotas",
    Part.MEMBER: "members",
    Part.CODE_SOURCE: "code_sources",
    Part.IMAGE: "images",
    Part.DATASET: "datasets",
}


class Step(Model):
    """One thing to do: `before` is what is there (None: nothing), `after` what shall be."""

    part: Part
    key: str
    before: Any = None
    after: Any = None
    text: str

    @property
    def sign(self) -> str:
        """`+` adds, `-` removes, `~` changes."""
        if self.before is None:
            return "+"
        return "-" if self.after is None else "~"


def diff(current: WorkspaceState | None, wanted: WorkspaceState, caller: str = "") -> list[Step]:
    """What is to be done, each step a line for people. Without a current state it is made first.

    What others lean on comes first (a role before the policy and the members that name it),
    removals come last, and what `caller` loses is the very last: they need it till then.
    """
    steps = []
    if current is None:
        current = nothing(wanted.name)
        steps.append(_step(Part.WORKSPACE, wanted.name, None, wanted.settings))
    elif current.settings != wanted.settings:
        steps.append(_step(Part.WORKSPACE, wanted.name, current.settings, wanted.settings))
    if current.registry != wanted.registry:
        shown = wanted.registry or current.registry
        key = shown.address if shown else ""
        steps.append(_step(Part.REGISTRY, key, current.registry, wanted.registry))
    for part, section in SECTIONS.items():
        steps += _section(part, getattr(current, section), getattr(wanted, section))
    return sorted(steps, key=lambda step: _place(step, caller))


def advance(current: WorkspaceState | None, step: Step) -> WorkspaceState:
    """The state after a step."""
    if step.part is Part.WORKSPACE:
        if current is None:
            return WorkspaceState(name=step.key, settings=step.after)
        return current.model_copy(update={"settings": step.after})
    if current is None:
        raise ValueError("the workspace comes first")
    if step.part is Part.REGISTRY:
        return current.model_copy(update={"registry": step.after})
    table = dict(getattr(current, SECTIONS[step.part]))
    if step.after is None:
        del table[step.key]
    else:
        table[step.key] = step.after
    return current.model_copy(update={SECTIONS[step.part]: table})


def _place(step: Step, caller: str) -> tuple[int, str]:
    """Where a step comes. Owners are made before others lose anything, so that a workspace is never
    without one; a role goes when nobody has it any more."""
    before_members = [Part.QUOTA, Part.REGISTRY, Part.CODE_SOURCE, Part.IMAGE, Part.DATASET]
    order = [Part.ROLE, Part.WORKSPACE, *before_members, Part.MEMBER]
    rank = order.index(step.part)
    if step.part is Part.WORKSPACE and step.before is None:
        return -1, step.key
    if step.part is Part.MEMBER:
        if _makes_owner(step):
            return rank, step.key
        rank = 40 if step.key == caller else 10
    elif step.after is None:
        rank = 30 if step.part is Part.ROLE else 20 + rank
    return rank, step.key


def _makes_owner(step: Step) -> bool:
    return step.after is not None and Role.OWNER in step.after.roles and not step.after.disabled


def _section(part: Part, current: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[Step]:
    for key in sorted({*current, *wanted}):
        if current.get(key) != wanted.get(key):
            yield _step(part, key, current.get(key), wanted.get(key))


def _step(part: Part, key: str, before: Any, after: Any) -> Step:
    told = ""
    if after is not None:
        told = _changes(before, after) if before is not None else _content(part, key, after)
    text = f"{part} {key}: {told}" if told else f"{part} {key}"
    return Step(part=part, key=key, before=before, after=after, text=text)


def _content(part: Part, key: str, value: BaseModel) -> str:
    """What is new, without what it would be anyway."""
    usual = _leaves(nothing(key).settings) if part is Part.WORKSPACE else {}
    return ", ".join(
        f"{name} {text or 'none'}"
        for name, text in _leaves(value).items()
        if text != usual.get(name, "no" if text == "no" else "")
    )


def _changes(before: BaseModel, after: BaseModel) -> str:
    old, new = _leaves(before), _leaves(after)
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return ", ".join(
        f"{name} {old.get(name) or 'none'} -> {new.get(name) or 'none'}" for name in names
    )


def _leaves(value: Any, name: str = "") -> dict[str, str]:
    """The single values inside a model or a table by their dotted names, as texts for people."""
    if isinstance(value, BaseModel):
        value = {key: getattr(value, key) for key in type(value).model_fields}
    if isinstance(value, dict):
        found: dict[str, str] = {}
        for key, inner in value.items():
            found |= _leaves(inner, f"{name}.{key}" if name else str(key))
        return found
    return {name: _shown(name, value)}


def _shown(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return f"[{', '.join(str(each) for each in value)}]"
    if isinstance(value, int) and name.rpartition(".")[2] in SIZES:
        return format_size(value)
    if isinstance(value, float):
        return f"{value:g}"
    text = str(value)
    return text if text.isprintable() and " " not in text else json.dumps(text, ensure_ascii=False)
