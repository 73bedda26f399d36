"""No route lets a client set variables of a container, or send keys that nobody has described."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dsw_control.openapi import document

COUNTED = {"gpus", "max_priority", "specs", "members", "per_band", "per_role", "labels"}
"""Fields whose keys are names of specs, GPU types, members, roles, labels and the like; values are
numbers, lists and words."""


def references(tree: Any) -> Iterator[str]:
    """Names of the schemas that a part of the document refers to."""
    if isinstance(tree, dict):
        if "$ref" in tree:
            yield tree["$ref"].rpartition("/")[2]
        tree = list(tree.values())
    if isinstance(tree, list):
        for part in tree:
            yield from references(part)


def sent() -> dict[str, dict[str, Any]]:
    """The schemas of all that clients send, by name."""
    tree = document()
    schemas = tree["components"]["schemas"]
    bodies = [
        operation.get("requestBody", {})
        for path in tree["paths"].values()
        for operation in path.values()
        if isinstance(operation, dict)
    ]
    found: dict[str, dict[str, Any]] = {}
    waiting = list(references(bodies))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = schemas[name]
            waiting += references(schemas[name])
    return found


def test_no_route_takes_variables_or_unknown_keys() -> None:
    schemas = sent()
    assert {"InstanceCreate", "SnapshotCreate", "ImageAdd", "WorkspaceChange"} <= schemas.keys()
    for name, schema in schemas.items():
        if schema.get("type") != "object":
            continue
        assert schema["additionalProperties"] is False, name
        for field, about in schema["properties"].items():
            assert not any(word in field for word in ("env", "variable", "device")), (name, field)
            assert about.get("type") != "object" or field in COUNTED, (name, field)
