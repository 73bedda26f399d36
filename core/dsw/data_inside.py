"""What code in an instance does with datasets: `dsw.mount`, `unmount` and the lists of both."""

from __future__ import annotations

import os
from pathlib import PurePath

from dsw import inside
from dsw.datasets import DatasetView
from dsw.errors import Conflict, NotFound, RemoteError
from dsw.mount_handle import NOT_FOUND, Desk, MountHandle
from dsw.mount_text import ACCESS
from dsw.mounts import MountCreate, MountKind, MountState, MountView

_REFUSED = "This dataset cannot be mounted so"
_USELESS = frozenset({MountState.FAILED, MountState.UNMOUNTING, MountState.UNMOUNTED})


def mount(
    dataset: str,
    *,
    access: str = "ro",
    keep: bool = False,
    version: int | None = None,
    name: str | None = None,
    wait: bool = True,
) -> MountHandle:
    """Mount a dataset (its name or id) at `/mnt/dynamic/<name>` in this instance, and wait.

    `access` is `ro`, or `rw` where you may write. With `keep` it comes back at the next start.
    `version` None is the newest, `name` None the dataset's. What comes back can be used as a path.
    What is mounted so already is not mounted again.

    With `wait` progress is shown until it is there; who interrupts it takes it back. Raises
    `Invalid` for an argument that cannot be, `NotFound` outside an instance, `RemoteError` with
    control's sentence when it refuses, `Conflict` when it is mounted otherwise or failed,
    `Unavailable` when the data cannot be reached or the workbench does not answer.
    """
    values = {"dataset": dataset, "access": access, "keep": keep, "version": version, "name": name}
    wanted = inside.checked(MountCreate, _REFUSED, **values)
    desk = Desk()
    there = _mounted(desk, wanted)
    if there is None:
        there = _created(desk, wanted)
    handle = MountHandle(desk, there)
    return handle.finish() if wait else handle


def unmount(name: str | os.PathLike[str], force: bool = False) -> None:
    """Unmount what `mount` mounted, by its name, its folder or its handle.

    Raises `Conflict` that names the processes which use it; with `force` they get errors instead.
    `NotFound` when nothing of that name is mounted.
    """
    wanted = str(PurePath(os.fspath(name)))
    found = [each for each in list_mounts() if wanted in (each.name, str(each.path))]
    # A dataset may be mounted from the start and once more while the instance runs.
    found.sort(key=lambda each: each.mount.kind is MountKind.STATIC)
    if not found:
        there = ", ".join(each.name for each in list_mounts()) or "nothing"
        raise NotFound(f"Nothing is mounted here as {wanted!r}.", f"There is {there}.")
    found[0].unmount(force)


def list_mounts() -> list[MountHandle]:
    """What is mounted in this instance, from its start and while it runs."""
    return Desk().mounts()


class Datasets(list[DatasetView]):
    """Datasets, shown as a table."""

    def __repr__(self) -> str:
        if not self:
            return "There are no datasets."
        rows = [("name", "version", "kind", "access", "description"), *map(_row, self)]
        widths = [max(map(len, column)) for column in list(zip(*rows, strict=True))[:-1]]
        return "\n".join("  ".join(map(str.ljust, row, [*widths, 0])).rstrip() for row in rows)


def _row(one: DatasetView) -> tuple[str, ...]:
    access = "read, write" if one.writable else "read"
    return one.name, str(one.version), one.kind, access, " ".join(one.description.split())


def list_datasets(
    name: str | None = None, label: str | None = None, kind: str | None = None
) -> Datasets:
    """The datasets that may be mounted here; narrowed by name, label or kind."""
    desk = Desk()
    return Datasets(desk.client.datasets(name=name, label=label, kind=kind))


def _created(desk: Desk, wanted: MountCreate) -> MountView:
    try:
        return desk.client.create_mount(desk.instance_id, wanted)
    except RemoteError as error:
        if error.status != NOT_FOUND:
            raise
        # By its name a workspace finds its own only; a public one of another is meant by its id.
        named = desk.client.datasets(name=wanted.dataset)
        found = [one.id for one in named if one.name == wanted.dataset]
        if not found:
            raise
        if len(found) > 1:
            raise Conflict(
                f"There are {len(found)} public datasets {wanted.dataset!r}.",
                f"Write the id of one: {', '.join(found)}.",
            ) from None
    by_id = {"dataset": found[0], "name": wanted.name or wanted.dataset}
    return desk.client.create_mount(desk.instance_id, wanted.model_copy(update=by_id))


def _mounted(desk: Desk, wanted: MountCreate) -> MountView | None:
    """The same mount, where it is there already: a notebook runs its cells more than once."""
    for handle in desk.mounts():
        there = handle.mount
        same = wanted.dataset in (there.dataset_id, there.dataset_name)
        named = there.name == (wanted.name or there.dataset_name)
        if not (same and named) or there.kind is MountKind.STATIC:
            continue
        if there.state in _USELESS:
            # What failed keeps its name until it is taken away.
            handle.unmount()
            continue
        as_wanted = there.access is wanted.access and (there.keep or not wanted.keep)
        if as_wanted and wanted.version in (None, there.version):
            return there
        kept = ", and kept" if there.keep else ""
        raise Conflict(
            f"“{there.name}” is mounted already: version {there.version}, "
            f"{ACCESS[there.access]}{kept}.",
            f"Unmount it first with dsw.unmount({there.name!r}), or choose another name.",
        )
    return None
