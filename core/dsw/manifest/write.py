"""A workspace as the file that describes it: applied, it changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from dsw.base import Model
from dsw.images import Visibility
from dsw.manifest.diff import SIZES
from dsw.manifest.state import WorkspaceState

UNITS = ((1024**4, "TiB"), (1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB"))


def write(state: WorkspaceState) -> str:
    """The document of a workspace."""
    settings = state.settings
    content: dict[str, Any] = {
        "kind": "Workspace",
        "name": state.name,
        "display_name": settings.display_name,
        "description": settings.description,
        "policy": _plain(settings.policy.model_dump(mode="json")),
        **_table({"registry": state.registry} if state.registry else {}),
        "roles": _table(state.roles),
        "members": {
            name: {"roles": member.roles, "disabled": True} if member.disabled else member.roles
            for name, member in sorted(state.members.items())
            # Roles by groups are the identity provider's to say.
            if member.roles or member.disabled
        },
        "quotas": _table(state.quotas),
        "code_sources": _table(state.code_sources),
        "images": {
            name: content
            for name, content in _table(state.images).items()
            if state.images[name].visibility is not Visibility.PRIVATE
        },
        "datasets": _table(state.datasets),
    }
    text: str = yaml.safe_dump(
        {key: value for key, value in content.items() if value != {}},
        sort_keys=False,
        allow_unicode=True,
        width=100,
    )
    return text


def _table(items: Mapping[str, Model]) -> dict[str, Any]:
    return {
        key: _plain(item.model_dump(mode="json", exclude_defaults=True))
        for key, item in sorted(items.items())
    }


def _plain(content: Any, key: str = "") -> Any:
    """The content without what limits nothing, sizes as people write them."""
    if isinstance(content, dict):
        return {name: _plain(value, name) for name, value in content.items() if value is not None}
    if key in SIZES and isinstance(content, int):
        return _size(content)
    return content


def _size(size: int) -> int | str:
    """A size in the greatest unit that it is a multiple of."""
    for bytes_of, unit in UNITS:
        if size and size % bytes_of == 0:
            return f"{size // bytes_of}{unit}"
    return size
