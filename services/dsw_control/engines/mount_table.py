"""The kernel's table of mounts, as far as it is about the node's folder."""

from __future__ import annotations

import re

from dsw.node_mounts import INSTANCES, SOURCES, Area
from dsw_control.engines.base import MountKey, MountTable

MOUNTINFO = "/proc/self/mountinfo"
DEVICE, POINT = 2, 4
"""Places in a line; see proc(5)."""


def table_of(text: str, root: str) -> MountTable:
    """What the lines of a mountinfo file say of the folder `root`. Of mounts on top of each other
    the last one counts."""
    mounts: dict[MountKey, str] = {}
    sources: dict[str, str] = {}
    for line in text.splitlines():
        fields = line.split(" ")
        if len(fields) <= POINT:
            continue
        device, point = fields[DEVICE], _plain(fields[POINT])
        if not point.startswith(f"{root}/"):
            continue
        match point[len(root) + 1 :].split("/"):
            case [folder, key] if folder == SOURCES:
                sources[key] = device
            case [folder, instance_id, area, name] if folder == INSTANCES and area in _AREAS:
                mounts[instance_id, Area(area), name] = device
    return MountTable(mounts=mounts, sources=sources)


_AREAS = frozenset(area.value for area in Area)


def _plain(text: str) -> str:
    """Without the octal escapes of spaces and the like."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)
