"""What a snapshot left out, in a list short enough for people."""

from __future__ import annotations

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
    """Paths with the reason why they are not in the image as they were."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._more = 0

    def add(self, path: str, reason: str) -> None:
        """Note a path (relative to the root)."""
        if len(self._lines) < SHOWN:
            self._lines.append(f"{readable(path)}: {reason}")
        else:
            self._more += 1

    def lines(self) -> list[str]:
        """At most 200 lines, and one more with the count of the others."""
        return [*self._lines, f"and {self._more} more"] if self._more else list(self._lines)
