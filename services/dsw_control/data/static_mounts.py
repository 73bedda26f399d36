"""The datasets that an instance has from its start on, as they are chosen and changed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from dsw.datasets import DATASET_NAME, DataAccess
from dsw.errors import Conflict, Invalid
from dsw.mounts import MountKind, StaticMount, check_target, check_targets
from dsw.plan import DATA
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.data.datasets import usable
from dsw_control.data.mount_rows import end_row, live, new_row
from dsw_control.data.mount_starts import look_up
from dsw_control.store.tables import Instance, Mount

NAME_MAX = 62

_NAME = re.compile(DATASET_NAME)


async def choose(
    session: AsyncSession, control: Control, instance: Instance, wanted: Sequence[StaticMount]
) -> bool:
    """Write down what the instance is to have from its start on, in place of what there was.

    The answer is whether that needs a new container: paths of its own are made with it.
    """
    if wanted and control.engine.mounts is None:
        raise Conflict("This workbench mounts nothing.", "It needs a container engine.")
    rows = await session.scalars(live(instance.id).where(Mount.kind == MountKind.STATIC))
    old = {row.target: row for row in rows}
    chosen = [await _static_row(session, control, instance, each, old) for each in wanted]
    check_targets([row.target for row in chosen])
    paths = _paths(old.values())
    for row in old.values():
        if row not in chosen:
            end_row(control, row)
    await session.flush()
    _give_names(chosen)
    session.add_all(chosen)
    return paths != _paths(chosen)


async def lacks_anchors(control: Control, instance: Instance) -> bool:
    """Whether its container was made before datasets could be mounted."""
    engine = control.engine.mounts
    return engine is not None and instance.attempt > 0 and await engine.lacks_anchors(instance.id)


async def statics(session: AsyncSession, instance_id: str) -> list[StaticMount]:
    """What an instance has from its start on, as it was asked for."""
    rows = await session.scalars(live(instance_id).where(Mount.kind == MountKind.STATIC))
    return [
        StaticMount(
            dataset=row.dataset_id,
            version=row.version,
            path=row.target,
            access=DataAccess(row.access),
        )
        for row in rows
    ]


async def _static_row(
    session: AsyncSession,
    control: Control,
    instance: Instance,
    wanted: StaticMount,
    old: dict[str, Mount],
) -> Mount:
    """The row of one; that of the same path is taken up again, whatever it was of."""
    owner = Caller(name=instance.owner)
    dataset, _ = await usable(session, owner, instance.workspace_id, wanted.dataset, wanted.version)
    target = check_target(wanted.path or dataset.mount_path or f"{DATA}/{dataset.name}")
    name = target.removeprefix(f"{DATA}/")
    if name != target and not (_NAME.fullmatch(name) and len(name) <= NAME_MAX):
        raise Invalid(
            f"{name[:80]!r} cannot be the name of a folder in {DATA}.",
            f"Use lower-case letters, digits, '.', '_' and '-', at most {NAME_MAX} characters.",
        )
    row = old.get(target) or new_row(control, instance, dataset, target)
    row.dataset_id, row.version = dataset.id, wanted.version
    row.access = wanted.access
    row.name = dataset.name if name == target else name
    found = await look_up(session, control, instance, row)
    row.mounted_version = found.version
    return row


def _give_names(rows: Sequence[Mount]) -> None:
    """Names by which people tell them apart: each once."""
    taken: set[str] = set()
    for row in rows:
        base, number = row.name, 2
        while row.name in taken:
            row.name = f"{base[: NAME_MAX - 4]}-{number}"
            number += 1
        taken.add(row.name)


def _paths(rows: Iterable[Mount]) -> set[str]:
    return {row.target for row in rows if not row.target.startswith(f"{DATA}/")}
