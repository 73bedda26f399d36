"""Who thaws a container when the agent cannot: a parent of the process that does the work.

It needs nothing that can fail with the worker: it waits, and looks at the mark that the worker
leaves in shared memory before it freezes anything. When the two die together, with their container,
control's own loop thaws.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from dsw_agent.freezer import Mark, thaw

LIMIT = 8.0
"""Seconds after which a container is thawed although the worker is alive."""
SIGNALS = (signal.SIGTERM, signal.SIGINT)

_POLL_MS = 100
_PR_SET_PDEATHSIG = 1


class Ended(Exception):
    """The worker ended without an exit code of its own; the text says how."""


def guarded(freezer: str, work: Callable[[Mark], int], limit: float = LIMIT) -> int:
    """Run `work` in a process of its own and answer its exit code; `Ended` when it had none.

    A signal to end is passed on to the worker, and ends a freeze at once. `work` gets its signals
    blocked: it sets its handlers and unblocks them.
    """
    mark = Mark()
    life, inherited = os.pipe()
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    parent = os.getpid()
    thawing = _Thawing(freezer, mark)
    # Before there is a worker: another thread of this process does not block the signals.
    before = {number: signal.signal(number, thawing.on_signal) for number in SIGNALS}
    worker = os.fork()
    if worker == 0:
        os.close(life)
        os._exit(_work(work, mark, parent))
    os.close(inherited)
    thawing.watch(worker)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    try:
        poll = select.poll()
        poll.register(life, select.POLLIN)
        while not poll.poll(_POLL_MS):
            if mark.since and time.monotonic() - mark.since > limit:
                thawing.now()
        thawing.now()
        code = os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])
    finally:
        os.close(life)
        for number, handler in before.items():
            signal.signal(number, handler)
    if code < 0:
        raise Ended(f"it got the signal {signal.Signals(-code).name}")
    return code


class _Thawing:
    def __init__(self, freezer: str, mark: Mark) -> None:
        self._folder = Path(freezer)
        self._mark = mark
        self._worker = 0
        self._early: list[int] = []

    def now(self) -> None:
        """Thaw what the worker froze. The mark is the worker's own: it may be about to freeze."""
        if self._mark.since:
            try:
                thaw(self._folder)
            except OSError:
                traceback.print_exc()

    def watch(self, worker: int) -> None:
        """The worker is there: it gets what came before it was."""
        self._worker = worker
        for number in self._early:
            os.kill(worker, number)

    def on_signal(self, number: int, _: object) -> None:
        """Thaw, and pass the signal on."""
        self.now()
        if self._worker:
            os.kill(self._worker, number)
        else:
            self._early.append(number)


def _work(work: Callable[[Mark], int], mark: Mark, parent: int) -> int:
    """The worker's exit code; it gets SIGTERM when its parent dies."""
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)
        return work(mark)
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
