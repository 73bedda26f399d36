"""How often somebody may give a wrong password before they must wait."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice

ALLOWED = 10
WAIT = timedelta(seconds=60)


class Guesses:
    """Counts wrong passwords by the address that they come from."""

    def __init__(self) -> None:
        self._wrong: dict[str, tuple[int, datetime]] = {}

    def note(self, address: str, now: datetime) -> None:
        """One more."""
        count, last = self._wrong.pop(address, (0, now))
        self._wrong[address] = (count + 1 if now - last < WAIT else 1, now)
        for old, (_, moment) in list(islice(self._wrong.items(), 2)):
            if now - moment >= WAIT:
                del self._wrong[old]

    def wait(self, address: str, now: datetime) -> int:
        """Seconds until the next try is looked at; 0: now."""
        count, last = self._wrong.get(address, (0, now))
        left = WAIT - (now - last)
        return max(1, round(left.total_seconds())) if count >= ALLOWED and left > timedelta() else 0
