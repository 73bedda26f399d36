"""Refused attempts, counted: each kind stands out once, the rest of a flood is a number."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dsw.base import Model
from dsw.roles import Action
from dsw_control.auth import Caller

WINDOW = timedelta(minutes=10)
DISTINCT = 10
"""Lines of one actor about one workspace that are written at once in a window."""


class Attempt(Model):
    """What somebody was refused."""

    caller: Caller
    action: Action
    object_id: str = ""
    workspace_id: str | None = None
    code: str
    route: str = ""
    request_id: str = ""

    @property
    def kind(self) -> tuple[Action, str, str]:
        """What makes two attempts of one actor the same."""
        return self.action, self.object_id, self.code


@dataclass
class _Window:
    """What one actor was refused in one workspace since a moment; the rest is past `DISTINCT`."""

    began: datetime
    times: dict[tuple[Action, str, str], int] = field(default_factory=dict)
    first: dict[tuple[Action, str, str], Attempt] = field(default_factory=dict)
    rest: int = 0
    first_of_rest: Attempt | None = None


class Attempts:
    """Counts attempts by actor and workspace in windows of ten minutes."""

    def __init__(self) -> None:
        self._windows: dict[tuple[str, str | None, str | None], _Window] = {}

    def note(self, attempt: Attempt, moment: datetime) -> bool:
        """Count the attempt; whether it is the first of its kind and is to be written now."""
        caller = attempt.caller
        who = (caller.name, caller.server, attempt.workspace_id)
        window = self._windows.setdefault(who, _Window(moment))
        if attempt.kind in window.times:
            window.times[attempt.kind] += 1
            return False
        if len(window.times) == DISTINCT:
            window.rest += 1
            window.first_of_rest = window.first_of_rest or attempt
            return False
        window.times[attempt.kind], window.first[attempt.kind] = 0, attempt
        return True

    def take(self, moment: datetime, everything: bool = False) -> list[tuple[Attempt, int]]:
        """What was counted and not written in the windows that are over, which are forgotten."""
        counted: list[tuple[Attempt, int]] = []
        for who, window in list(self._windows.items()):
            if not everything and moment - window.began < WINDOW:
                continue
            del self._windows[who]
            counted += [(window.first[kind], more) for kind, more in window.times.items() if more]
            if window.first_of_rest is not None:
                blurred = window.first_of_rest.model_copy(update={"object_id": "*", "route": ""})
                counted.append((blurred, window.rest))
        return counted
