"""Kills by the memory limit inside a running instance, noted where its owner looks."""

from __future__ import annotations

from dsw.instances import Reason
from dsw.specs import Spec
from dsw.units import format_size
from dsw_control.context import Control
from dsw_control.history import add_event, tell
from dsw_control.store.tables import Instance


class OomWatch:
    """Compares the counters of two looks; what happened before the first look is history."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._seen: dict[str, int] = {}

    async def turn(self) -> None:
        """Note each instance whose counter has risen."""
        kills = await self._control.engine.memory_kills()
        for instance_id, count in kills.items():
            if count > self._seen.get(instance_id, count):
                await note_kill(self._control, instance_id)
        self._seen = kills


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
