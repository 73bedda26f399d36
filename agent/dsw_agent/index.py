"""What an instance's last snapshot holds, so that the next one ships only what is new since.

One compressed file: a line of JSON, then the readings' own lines. It holds nothing that is left out
of images. 200,000 entries are read in a tenth of a second.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from isal import igzip, igzip_lib
from pydantic import ValidationError

from dsw.agent import INDEX_FILE, AgentLayer, AgentRequest
from dsw.base import Model
from dsw_agent import exclusions as rules
from dsw_agent.changes import kept
from dsw_agent.exclusions import Exclusions
from dsw_agent.scan import Scan
from dsw_agent.skipped import Skipped

VERSION = 1
OWN_LAYERS = 16
"""Layers above the base's from which on they are put together again."""
ALL_LAYERS = 64
USUAL_LAYERS = 2
"""Those that a snapshot adds: what was copied, and what changed meanwhile."""
_DAMAGED = cast("type[Exception]", igzip_lib.IsalError)


class Head(Model):
    """Of which container and image an index is, and what stores its layers.

    `root` is the inode of the upper directory; `rules` stands for all that was left out; `squashed`
    is how many of the base's topmost layers the first layer replaces; `opaque` counts lines.
    """

    version: int = VERSION
    snapshot: str
    container: str
    base_image: str
    target: str
    root: int
    rules: str
    squashed: int = 0
    synced: int
    layers: list[AgentLayer]
    opaque: int = 0


@dataclass(frozen=True)
class Index:
    """A snapshot: its head, the reading of the upper directory that it holds, and which directories
    its layers made hide what is below them, with their inodes."""

    head: Head
    scan: Scan
    opaque: dict[str, int]


def head_of(request: AgentRequest, root: int) -> Head:
    """The head of an index of this request's snapshot, still without layers."""
    return Head(
        snapshot=request.snapshot_id,
        container=request.container,
        base_image=request.base_image,
        target=f"{request.target.kind} {request.target.repository}",
        root=os.fstat(root).st_ino,
        rules=_fingerprint(request),
        synced=0,
        layers=[],
    )


def write(path: Path, head: Head, scan: Scan, opaque: dict[str, int]) -> None:
    """Write an index whole or not at all."""
    head = head.model_copy(update={"synced": scan.synced, "opaque": len(opaque)})
    lines = [b"%d %b" % (inode, os.fsencode(path)) for path, inode in opaque.items()]
    content = head.model_dump_json().encode() + b"\n" + b"\0".join([*lines, *scan.lines])
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.write_bytes(igzip.compress(content, 1))
    unfinished.replace(path)


def read(path: Path) -> Index | None:
    """An index; None when there is none, or none that this version reads."""
    try:
        content = igzip.decompress(path.read_bytes())  # type: ignore[no-untyped-call]
        first, _, rest = content.partition(b"\n")
        head = Head.model_validate_json(first)
    except (OSError, EOFError, _DAMAGED, ValidationError):
        return None
    if head.version != VERSION:
        return None
    lines = rest.split(b"\0") if rest else []
    pairs = [line.partition(b" ") for line in lines[: head.opaque]]
    opaque = {os.fsdecode(name): int(inode) for inode, _, name in pairs}
    return Index(head, Scan(lines[head.opaque :], head.synced), opaque)


def usable(request: AgentRequest, root: int, exclusions: Exclusions) -> Index | None:
    """The index of the instance's last snapshot, when a new one may build on that: of the same
    container, image and place, and nothing in it is left out by now."""
    if not request.work or request.previous is None or not request.container:
        return None
    index = read(Path(request.work) / INDEX_FILE)
    if index is None or index.head.squashed > request.base_saved:
        return None
    wanted = head_of(request, root)
    same = ("container", "base_image", "target", "root")
    if any(getattr(index.head, name) != getattr(wanted, name) for name in same):
        return None
    if index.head.snapshot != request.previous.snapshot_id:
        return None
    if index.head.rules != wanted.rules:
        left = sum(1 for _ in kept(index.scan.found(), exclusions, Skipped()))
        if left != len(index.scan.lines):
            return None
    return index


def has_room(last: Head, base_layers: int) -> bool:
    """Whether the layers of one more snapshot may be put on those of the last, on top of a base."""
    own = len(last.layers) + USUAL_LAYERS
    return own <= OWN_LAYERS and base_layers - last.squashed + own <= ALL_LAYERS


def _fingerprint(request: AgentRequest) -> str:
    told = (sorted(request.mounts), sorted(request.exclude))
    built_in = (rules.RUNTIME, rules.SECRETS, rules.CACHES)
    return hashlib.sha256(repr((told, built_in)).encode()).hexdigest()
