"""How mounts are taken out of an instance, and the empty folders that they leave with them."""

from __future__ import annotations

import errno
import os
from contextlib import suppress

from dsw.beneath import walk_beneath
from dsw.mounts import Holder
from dsw.node_mounts import INSTANCES, Area, Detach
from dsw_agent.mounting import anchors, kernel, table
from dsw_agent.mounting.anchors import Node
from dsw_agent.mounting.holders import holders_of
from dsw_agent.mounting.refusals import GONE, MountRefused, busy, failed
from dsw_agent.mounting.table import Mounted

_ROUNDS = 50
"""How many mounts may lie over each other at one place."""


class _Held(Exception):
    def __init__(self, mounted: Mounted) -> None:
        super().__init__(mounted.point)
        self.mounted = mounted


def detach(node: Node, step: Detach) -> None:
    """Unmount what the step names; `MountRefused` with the processes that hold it."""
    for name in (step.instance_id, *([step.name] if step.name else [])):
        anchors.checked(name)
    with node.locked(step.instance_id):
        try:
            held = [
                holders
                for area in anchors.areas(step.area)
                for holders in _detach_area(node, step, area)
            ]
            if step.area is None and not held:
                anchors.remove(node, step.instance_id)
        except OSError as error:
            raise failed(error) from None
    if held:
        raise busy([holder for holders in held for holder in holders])


def end_mount(area: int, name: str, force: bool = False) -> None:
    """Unmount the uppermost mount at a name in an area; `OSError` EBUSY while it is held."""
    kernel.unmount(kernel.by_descriptor(area, name), kernel.DETACH if force else 0)


def end_strays(area: int, path: str, known: set[str]) -> None:
    """Unmount what is mounted in an area (at `path`) beside the points that are known."""
    for mounted in reversed(table.below(path)):
        if mounted.point not in known:
            with suppress(OSError):
                _end_at(area, mounted.point[len(path) + 1 :], force=True)


def busy_with(area: Area, name: str, mounted: Mounted) -> MountRefused:
    """The refusal that names the processes which hold a mount."""
    return busy(holders_of(area, name, mounted))


def _detach_area(node: Node, step: Detach, area: Area) -> list[list[Holder]]:
    """For each mount that is held, the processes that do."""
    path = node.point(INSTANCES, step.instance_id, area)
    held: list[list[Holder]] = []
    with suppress(FileNotFoundError), node.folder(INSTANCES, step.instance_id, area) as folder:
        only = f"{path}/{step.name}" if step.name else ""
        for point in _points(path, only):
            try:
                _end_all(folder, point[len(path) + 1 :], point, step.force)
            except _Held as error:
                held.append(holders_of(area, point[len(path) + 1 :], error.mounted))
        # An instance sees its chosen paths by the folder itself: a new one would not be seen.
        if only and area is not Area.PATHS:
            with suppress(OSError):
                os.rmdir(step.name, dir_fd=folder)
    return held


def _points(path: str, only: str) -> list[str]:
    """The points to unmount, the deepest first."""
    points = {mounted.point for mounted in table.below(path)}
    wanted = [one for one in points if not only or one == only or one.startswith(only + "/")]
    return sorted(wanted, key=lambda point: point.count("/"), reverse=True)


def _end_all(folder: int, name: str, point: str, force: bool) -> None:
    """Unmount all that is mounted over each other at a point; `_Held` when one is in use."""
    for _ in range(_ROUNDS):
        mounted = table.at(point)
        if mounted is None:
            return
        try:
            _end_at(folder, name, force or _dead(folder, name))
        except OSError as error:
            if error.errno == errno.EBUSY:
                raise _Held(mounted) from None
            raise


def _end_at(folder: int, path: str, force: bool) -> None:
    above, _, name = path.rpartition("/")
    parent = walk_beneath(folder, above, os.O_PATH | os.O_DIRECTORY)
    try:
        end_mount(parent, name, force)
    finally:
        os.close(parent)


def _dead(folder: int, name: str) -> bool:
    """Whether nobody can use the mount any more, so that nobody is in the way."""
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        return error.errno in GONE
    return False
