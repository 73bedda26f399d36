"""How a folder comes to be seen in an instance, without a moment in which it could be written."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from dsw.beneath import open_beneath, open_folder
from dsw.mounts import MountReason
from dsw.node_mounts import INSTANCES, Area, Attach
from dsw_agent.mounting import kernel, table
from dsw_agent.mounting.anchors import Node, opened
from dsw_agent.mounting.detach import busy_with, end_mount, end_strays
from dsw_agent.mounting.refusals import MountRefused, about_data, failed, unreachable

_FOLDER = os.O_PATH | os.O_DIRECTORY


def attach(node: Node, step: Attach) -> None:
    """Mount what the step names, in place of whatever is mounted there; `MountRefused`."""
    point = node.point(INSTANCES, step.instance_id, step.area, step.name)
    with _source(node, step) as source, _staged(node, source, step.read_only) as staged:
        try:
            with node.locked(step.instance_id, make=True):
                _place(node, step, staged, point)
        except OSError as error:
            raise _about_target(error, step) from None


def _place(node: Node, step: Attach, staged: str, point: str) -> None:
    with node.folder(INSTANCES, step.instance_id, step.area, make=True) as area:
        if _is_there(step, staged, point, area):
            return
        before = {mounted.point for mounted in table.below(os.path.dirname(point))}
        target = opened(area, step.name, make=True)
        try:
            kernel.bind(staged, kernel.by_descriptor(target))
        finally:
            os.close(target)
        if not table.same(point, staged):
            end_strays(area, os.path.dirname(point), before)
            raise MountRefused(
                MountReason.REFUSED,
                f"The folder for {step.name!r} was moved in the instance while it was mounted.",
            )


def _is_there(step: Attach, staged: str, point: str, area: int) -> bool:
    """Whether it is mounted there, and alive; another mount at the place is ended.

    A dead one at a path of its own is left below: an instance sees there what comes over that mount
    and, since its own copy of it stays, nothing that takes its place.
    """
    while (there := table.at(point)) is not None:
        alive = _alive(area, step.name)
        if alive and table.same(point, staged):
            return True
        if not alive and step.area is Area.PATHS:
            return False
        try:
            end_mount(area, step.name, force=not alive)
        except OSError as error:
            if error.errno == errno.EBUSY:
                raise busy_with(step.area, step.name, there) from None
            raise
    return False


def _alive(area: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=area, follow_symlinks=False)
    except OSError:
        return False
    return True


@contextmanager
def _source(node: Node, step: Attach) -> Iterator[int]:
    """A descriptor of the folder that the step names."""
    if step.source and table.at(node.source(step.source)) is None:
        raise unreachable()
    root = node.source(step.source) if step.source else step.seen
    with ExitStack() as stack:
        try:
            top = open_folder(root)
            stack.callback(os.close, top)
            folder = open_beneath(top, step.path, _FOLDER)
            stack.callback(os.close, folder)
        except OSError as error:
            raise about_data(error, step.path) from None
        yield folder


@contextmanager
def _staged(node: Node, source: int, read_only: bool) -> Iterator[str]:
    """Where the folder is mounted, with its rights, so that only the helper sees it."""
    point = os.path.realpath(tempfile.mkdtemp(prefix="mount-", dir=node.stage))
    try:
        try:
            kernel.bind(kernel.by_descriptor(source), point)
            kernel.restrict(point, read_only)
        except OSError as error:
            raise failed(error) from None
        yield point
    finally:
        with suppress(OSError):
            kernel.unmount(point, kernel.DETACH)
        os.rmdir(point)


def _about_target(error: OSError, step: Attach) -> MountRefused:
    if error.errno in (errno.ENOTDIR, errno.ELOOP):
        return MountRefused(
            MountReason.REFUSED,
            f"Where {step.name!r} should be mounted lies something that is not a folder.",
            "Remove it in the instance, or choose another name.",
        )
    return failed(error)
