"""What people read when an instance changes its state by itself."""

from __future__ import annotations

from dsw.instances import Reason
from dsw.lifecycle import Facts, Step
from dsw.specs import Spec
from dsw.units import format_size
from dsw_control.context import Control
from dsw_control.store.tables import Instance

LOG_LINES = 10


async def sentence_for(control: Control, row: Instance, step: Step, facts: Facts) -> str:
    """The reason in words. A failed start keeps the sentence that came with its failure."""
    memory = format_size(Spec.model_validate(row.spec).memory)
    match step.reason:
        case Reason.OUT_OF_MEMORY:
            return (
                f"The instance used all of its {memory} of memory and was ended. Start it with a "
                "spec that has more memory."
            )
        case Reason.EXITED if facts.exit_code is None:
            return "Its process ended."
        case Reason.EXITED:
            tail = await control.engine.log_tail(row.id, LOG_LINES)
            return f"The server ended with exit code {facts.exit_code}. Its last lines: {tail}"
        case Reason.ENDED_BY_USER:
            return "It was shut down from inside."
        case Reason.ENGINE_LOST:
            return "It was ended from outside, such as by a restart of the engine; starting again."
        case Reason.TOO_MANY_RESTARTS:
            return (
                f"It did not stay up in {facts.attempts} starts. {row.message} "
                "Look at its events, then start it again."
            ).replace("  ", " ")
        case _:
            return ""
