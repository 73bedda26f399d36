"""How many may be here: a flood of strangers, or one busy user, leaves room for the others."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Generic, TypeVar

C = TypeVar("C")


@dataclass(frozen=True)
class Limits:
    """Connections of all users together, of one user, and that have not logged in yet; open ways
    to instances of one user; seconds and failures until a stranger is sent away."""

    connections: int = 1000
    connections_of_user: int = 100
    strangers: int = 100
    channels_of_user: int = 50
    login_seconds: float = 60
    failed_logins: int = 6


class Crowd(Generic[C]):
    """The connections of one gateway, told apart by who they are."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._strangers: dict[C, str] = {}
        self._users: dict[C, str] = {}
        self._channels: Counter[str] = Counter()

    def come(self, connection: C, address: str) -> C | None:
        """A stranger came. Who has to leave for them: of the address with the most strangers, the
        one that has been here longest; so a flood from one place pushes out itself."""
        self._strangers[connection] = address
        if len(self._strangers) <= self.limits.strangers:
            return None
        most = Counter(self._strangers.values()).most_common(1)[0][0]
        oldest = next(one for one, place in self._strangers.items() if place == most)
        # Many may come before its end is noticed; none of them must count it again.
        del self._strangers[oldest]
        return oldest

    def welcome(self, connection: C, username: str) -> bool:
        """A stranger has logged in; False when there are too many already."""
        self._strangers.pop(connection, None)
        own = sum(name == username for name in self._users.values())
        if len(self._users) >= self.limits.connections or own >= self.limits.connections_of_user:
            return False
        self._users[connection] = username
        return True

    def leave(self, connection: C) -> None:
        """A connection has ended."""
        self._strangers.pop(connection, None)
        self._users.pop(connection, None)

    def everybody(self) -> list[C]:
        """All connections."""
        return [*self._strangers, *self._users]

    def open_channel(self, username: str) -> bool:
        """Count a way to an instance; False when the user has too many."""
        if self._channels[username] >= self.limits.channels_of_user:
            return False
        self._channels[username] += 1
        return True

    def close_channel(self, username: str) -> None:
        """One that was counted has ended."""
        self._channels[username] -= 1
        if not self._channels[username]:
            del self._channels[username]
