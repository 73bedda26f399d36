"""How words such as `--gpu A100=4 --per-member` become a changed quota. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dsw.base import Model
from dsw.errors import Invalid
from dsw.quota import Band, Limits, Quota

NONE = "none"


class Scope(Model):
    """Whose limits are meant; none of these: those of the workspace."""

    per_member: bool = False
    member: str | None = None
    role: str | None = None
    band: Band | None = None


class Change(Model):
    """Limits as keys and values, None where one is lifted; what is not in it stays."""

    limits: dict[str, Any]
    gpus: dict[str, Any]
    storage: dict[str, Any]


def parse_change(
    cpu: str | None,
    memory: str | None,
    gpus: Sequence[str],
    instances: str | None,
    storage: str | None,
) -> Change:
    """The limits that the words name; `Invalid` when they name none."""
    words = {"cpu": cpu, "memory": memory, "instances": instances}
    change = Change(
        limits={key: _value(word) for key, word in words.items() if word is not None},
        gpus=dict(_gpu(word) for word in gpus),
        storage={} if storage is None else {"storage": _value(storage)},
    )
    if not (change.limits or change.gpus or change.storage):
        raise Invalid(
            "No limit is given.", "Give --cpu, --memory, --gpu, --instances or --storage."
        )
    return change


def _value(word: str) -> str | None:
    return None if word == NONE else word


def _gpu(word: str) -> tuple[str, str | None]:
    kind, equals, count = word.rpartition("=")
    if not equals or not kind:
        raise Invalid(f"{word!r} is no limit of GPUs.", "Write TYPE=N, such as A100=4 or *=8.")
    return kind, _value(count)


def changed(quota: Quota, scope: Scope, change: Change) -> Quota:
    """The quota with the change in it; a cap that limits nothing any more is left out."""
    chosen = [
        each
        for each in (scope.per_member or None, scope.member, scope.role, scope.band)
        if each is not None
    ]
    if len(chosen) > 1:
        raise Invalid("Limits are for one scope at a time.", "Call it again for the other one.")
    if chosen and change.storage:
        raise Invalid("Storage is limited for the workspace as a whole only.")
    content = quota.model_dump()
    if scope.per_member:
        content["per_member"] = _limits(quota.per_member, change)
    elif scope.member is not None:
        _cap(content["members"], scope.member, quota.members, change)
    elif scope.role is not None:
        _cap(content["per_role"], scope.role, quota.per_role, change)
    elif scope.band is not None:
        _cap(content["per_band"], scope.band, quota.per_band, change)
    else:
        content["limits"] = _limits(quota.limits, change)
        content |= change.storage
    return Quota.model_validate(content)


def _limits(limits: Limits, change: Change) -> dict[str, Any]:
    gpus = {**limits.gpus, **change.gpus}
    return {
        **limits.model_dump(),
        **change.limits,
        "gpus": {kind: count for kind, count in gpus.items() if count is not None},
    }


def _cap(content: dict[Any, Any], key: Any, caps: dict[Any, Limits], change: Change) -> None:
    content[key] = _limits(caps.get(key, Limits()), change)
    if Limits.model_validate(content[key]) == Limits():
        del content[key]
