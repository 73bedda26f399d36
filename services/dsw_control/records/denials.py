"""Refused requests in the audit log, in transactions of their own."""

from __future__ import annotations

from typing import Any

import structlog

from dsw.audit import Outcome
from dsw.errors import DswError
from dsw_control.context import Control
from dsw_control.records.attempts import Attempt
from dsw_control.records.audit import entry
from dsw_control.store.tables import AuditEntry

log = structlog.get_logger()


async def note(control: Control, attempt: Attempt) -> None:
    """Write the attempt down, or count it when the same was written a moment ago."""
    if control.attempts.note(attempt, control.clock()):
        await _write(control, [_line(control, attempt)])


async def flush(control: Control, *, everything: bool = False) -> None:
    """Write down what was counted: of the windows that are over, or of all (at the end)."""
    counted = control.attempts.take(control.clock(), everything)
    await _write(control, [_line(control, attempt, times=more) for attempt, more in counted])


def _line(control: Control, attempt: Attempt, **more: Any) -> AuditEntry:
    detail = {"route": attempt.route} | more if attempt.route else more
    target = (attempt.object_id, attempt.workspace_id)
    line = entry(control, attempt.caller, attempt.action, target, detail)
    line.outcome, line.code, line.request_id = Outcome.DENIED, attempt.code, attempt.request_id
    return line


async def _write(control: Control, lines: list[AuditEntry]) -> None:
    """The refusal stands even when it cannot be written down."""
    if not lines:
        return
    try:
        async with control.db.write() as session:
            session.add_all(lines)
    except DswError as error:
        log.error("refusals are not in the audit log", lines=len(lines), error=error.sentence)
