"""How a container's processes are made to stand still, by the cgroup that they are in.

Version 1 has `freezer.state`, version 2 `cgroup.freeze` and `cgroup.events`. A container that
stopped has lost its cgroup; nothing runs then, and nothing has to be frozen.
"""

from __future__ import annotations

import errno
import mmap
import os
import struct
import time
from collections.abc import Callable
from enum import Enum
from pathlib import Path

_POLL = 0.002
_GONE = (errno.ENOENT, errno.ENODEV, errno.ENOTDIR)


class Mark:
    """When this agent began to freeze the container, in memory that two processes share."""

    _FORMAT = "d"

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, mmap.PAGESIZE)

    @property
    def since(self) -> float:
        """On the monotonic clock; 0: it is not frozen by this agent."""
        return float(struct.unpack_from(self._FORMAT, self._memory)[0])

    @since.setter
    def since(self, moment: float) -> None:
        struct.pack_into(self._FORMAT, self._memory, 0, moment)


class Stillness(Enum):
    """Why a container stands still: this agent froze it, somebody else had, or nothing runs."""

    FROZEN = "frozen"
    PAUSED = "paused"
    STOPPED = "stopped"


class Freezer:
    """The cgroup directory of a container.

    `mark` says at every moment whether there is something to thaw, for whoever outlives this
    process.
    """

    def __init__(self, folder: str, mark: Mark) -> None:
        self._folder = Path(folder)
        self._mark = mark

    def freeze(self, timeout: float, check: Callable[[], None]) -> Stillness | None:
        """Freeze all processes; None when they did not all stand still within `timeout` seconds,
        and then they run again. `check` is called while it waits and may raise."""
        state = self._state()
        if state is not Stillness.FROZEN:
            self._mark.since = time.monotonic()
            try:
                return self._frozen(timeout, check)
            except BaseException:
                self.thaw()
                raise
        return Stillness.PAUSED

    def still(self) -> bool:
        """Whether nothing has run since `freeze`, if it did not before."""
        return self._state() is not None

    def thaw(self) -> None:
        """Let the processes run, if this agent froze them; as often as anybody likes."""
        if self._mark.since:
            thaw(self._folder)
            self._mark.since = 0

    def _frozen(self, timeout: float, check: Callable[[], None]) -> Stillness | None:
        until = time.monotonic() + timeout
        if not _write(self._folder, frozen=True):
            self._mark.since = 0
            return Stillness.STOPPED
        # Whoever thawed just before that has taken the mark away.
        self._mark.since = self._mark.since or time.monotonic()
        while (state := self._state()) is None:
            check()
            if time.monotonic() > until:
                self.thaw()
                return None
            time.sleep(_POLL)
        return state

    def _state(self) -> Stillness | None:
        """FROZEN, STOPPED, or None for one that runs, be it in part."""
        for name, word in (("freezer.state", "FROZEN"), ("cgroup.events", "frozen 1")):
            try:
                lines = (self._folder / name).read_text().splitlines()
                return Stillness.FROZEN if word in lines else None
            except OSError as error:
                if error.errno not in _GONE:
                    raise
        return Stillness.STOPPED


def thaw(folder: Path) -> None:
    """Let the processes of a cgroup run; nothing happens when it is gone."""
    _write(folder, frozen=False)


def _write(folder: Path, frozen: bool) -> bool:
    """Ask for a state; False when there is no such cgroup any more."""
    for name, words in (("freezer.state", ("THAWED", "FROZEN")), ("cgroup.freeze", ("0", "1"))):
        try:
            descriptor = os.open(folder / name, os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.write(descriptor, words[frozen].encode())
            finally:
                os.close(descriptor)
            return True
        except OSError as error:
            if error.errno not in _GONE:
                raise
    return False
