"""Which processes of an instance use a mount: the helper is in the instance's process namespace.

A link in /proc names a path as the process itself sees it, and reading one asks no file system.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from dsw.mounts import Holder
from dsw.node_mounts import Area
from dsw.plan import DATA, DYNAMIC
from dsw_agent.mounting import table
from dsw_agent.mounting.table import Mounted

MOST = 50
COMMAND_MAX = 200
_SEEN_AT = {Area.DATA: DATA, Area.DYNAMIC: DYNAMIC}


def holders_of(area: Area, name: str, mounted: Mounted, proc: Path = Path("/proc")) -> list[Holder]:
    """The processes that have something of a mount open, run from it or stand in it."""
    found = []
    for folder in sorted(proc.glob("[0-9]*"), key=lambda one: int(one.name)):
        with suppress(OSError):
            points = _points(folder, area, name, mounted)
            if any(_is_at(path, points) for path in _used(folder)):
                found.append(Holder(pid=int(folder.name), command=_command(folder)))
    return found[:MOST]


def _points(process: Path, area: Area, name: str, mounted: Mounted) -> list[str]:
    """Where a process sees the mount. A chosen path is known by what is mounted there."""
    if area in _SEEN_AT:
        return [f"{_SEEN_AT[area]}/{name}"]
    there = table.read(process / "mountinfo")
    return [one.point for one in there if (one.device, one.root) == (mounted.device, mounted.root)]


def _is_at(path: str, points: list[str]) -> bool:
    return any(path == point or path.startswith(point + "/") for point in points)


def _used(process: Path) -> Iterator[str]:
    for link in ("cwd", "root", "exe"):
        with suppress(OSError):
            yield os.readlink(process / link)
    with suppress(OSError):
        for number in os.listdir(process / "fd"):
            with suppress(OSError):
                yield os.readlink(process / "fd" / number)
    with suppress(OSError):
        for line in (process / "maps").read_text(errors="surrogateescape").splitlines():
            *_, path = line.split(" ", 5)
            yield path.strip()


def _command(process: Path) -> str:
    """The command line, or the name of a process that has none; printable."""
    line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    line = line or (process / "comm").read_text(errors="replace").strip() or "a process"
    return "".join(one if one.isprintable() else "?" for one in line)[:COMMAND_MAX]
