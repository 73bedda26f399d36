"""What a snapshot left out, in a list short enough for people."""

from __future__ import annotations

from dsw.image_report import LeftOut

SHOWN = 200
LONGEST = 120
"""Characters of a path that are shown; a report is one line in the engine's log."""


def readable(path: str) -> str:
    """A path (relative to the root) as valid and not too long text."""
    text = "/" + path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if len(text) <= LONGEST:
        return text
    return f"{text[: LONGEST // 2]}...{text[-LONGEST // 2 :]}"


class Skipped:
    """Paths with the reason why they are not in the image as they were; each is told once."""

    def __init__(self) -> None:
        self._reasons: dict[str, str] = {}
        self._more = 0

    def add(self, path: str, reason: str) -> None:
        """Note a path (relative to the root)."""
        if path in self._reasons or len(self._reasons) < SHOWN:
            self._reasons.setdefault(path, reason)
        else:
            self._more += 1

    def left_out(self) -> tuple[list[LeftOut], int]:
        """At most 200 of them, and the count of the others."""
        shown = [
            LeftOut(path=readable(path), reason=reason) for path, reason in self._reasons.items()
        ]
        return shown, self._more

    def lines(self) -> list[str]:
        """At most 200 lines, and one more with the count of the others."""
        lines = [f"{readable(path)}: {reason}" for path, reason in self._reasons.items()]
        return [*lines, f"and {self._more} more"] if self._more else lines
