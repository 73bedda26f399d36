"""Which storage classes must not lie in one another, or over what the workbench keeps itself.

Who may write in a folder can make links there, which lead anywhere below the root of its class: a
class opens all of its root, whatever the URIs of its datasets say.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dsw.settings import StorageClass


def overlap(classes: Sequence[StorageClass], whole: str, own: Iterable[str]) -> str:
    """What is wrong with the classes, as a sentence; empty when nothing is.

    No directory of the host may contain `whole`, nor contain one of `own` or be in it.
    """
    for each in classes:
        if each.kind == "host" and (kept := _kept_in(each.root, whole, own)):
            return f"{each.name!r}: {each.root} and {kept}, of the workbench, are in one another"
    for outer in classes:
        for inner in classes:
            if _contains(outer, inner) and _opens_more(outer, inner):
                return (
                    f"{outer.name!r} contains {inner.name!r}, which fewer may read or write; keep "
                    "them beside each other"
                )
    return ""


def _kept_in(root: str, whole: str, own: Iterable[str]) -> str:
    if _below(whole, root):
        return whole
    return next((path for path in own if _below(path, root) or _below(root, path)), "")


def _contains(outer: StorageClass, inner: StorageClass) -> bool:
    """Whether a class lies in another one. Two of the same place are meant to be so: each says
    what it is for. One of any bucket opens nothing by itself."""
    stores = [
        (each.kind, each.server.lower(), each.endpoint, each.bucket) for each in (outer, inner)
    ]
    places = [each.root or each.export or f"/{each.prefix.strip('/')}" for each in (outer, inner)]
    if stores[0] != stores[1] or PurePosixPath(places[0]) == PurePosixPath(places[1]):
        return False
    return _below(places[1], places[0])


def _opens_more(outer: StorageClass, inner: StorageClass) -> bool:
    here = set(inner.workspaces)
    more_people = bool(here) and (not outer.workspaces or not here.issuperset(outer.workspaces))
    return more_people or (outer.writable and not inner.writable)


def _below(path: str, folder: str) -> bool:
    return PurePosixPath(path).is_relative_to(folder)
