"""Kills by the memory limit inside a running instance, noted where its owner looks."""

from __future__ import annotations

from dsw.instances import Reason
from dsw.specs import Spec
from dsw.units import format_size
from dsw_control.context import Control
from dsw_control.history import add_event, tell
from dsw_control.store.tables import Instance


class OomWatch:
    """Compares the counters of two looks; what happened before the first look is history.

    A container that was not there at the last look has begun at nought since.
    """

    def __init__(self, control: Control) -> None:
        self._control = control
        self._seen: dict[str, int] | None = None

    async def turn(self) -> None:
        """Note each instance whose counter has risen."""
        kills = await self._control.engine.memory_kills()
        for instance_id in risen(self._seen, kills):
            await note_kill(self._control, instance_id)
        self._seen = kills


def risen(before: dict[str, int] | None, now: dict[str, int]) -> list[str]:
    """Whose counter has risen; one that is lower than before began anew with its container."""
    if before is None:
        return []
    was = {key: before.get(key, 0) for key in now}
    return [key for key, count in now.items() if count > was[key] or 0 < count < was[key]]


async def note_kill(control: Control, instance_id: str) -> None:
    """One event in the instance's history; its state stays."""
    async with control.db.write() as session:
        row = await session.get(Instance, instance_id)
        if row is None or row.deleted_at is not None:
            return
        memory = format_size(Spec.model_validate(row.spec).memory)
        row.reason = Reason.OUT_OF_MEMORY
        row.message = (
            f"A process was killed because the instance used all of its {memory} of memory. "
            "Free some, or take a spec with more."
        )
        event = add_event(session, control, row)
    tell(control, row, event)
