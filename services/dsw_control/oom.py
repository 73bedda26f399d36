"""Kills by the memory limit inside a running instance, noted where its owner looks."""

from __future__ import annotations

from dsw.instances import Reason
from dsw.specs import Spec
from dsw.units import format_size
from dsw_control.context import Control
from dsw_control.history import add_event, tell
from dsw_control.store.tables import Instance


async def watch_out_of_memory(control: Control) -> None:
    """Note every kill until the engine goes away."""
    async for event in control.engine.out_of_memory():
        await note_kill(control, event.instance_id)


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
