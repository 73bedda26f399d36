"""An object store that is mounted once for all instances of the node, watched while it is.

Whoever reads gets an error when rclone or the store behind it is gone, and never waits for long:
what hangs is killed, and mounted again when the store answers. The instances' mounts die with it;
control sees that they are of another device than the source's, and has them attached anew.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace

from dsw.mounts import MountReason
from dsw.node_mounts import SOURCES, ObjectStore, SourceReport, SourceRequest, SourceState
from dsw_agent.mounting import fuse, table
from dsw_agent.mounting.anchors import Node
from dsw_agent.mounting.rclone import Figures, Rclone
from dsw_agent.mounting.refusals import MountRefused
from dsw_agent.mounting.source_reports import SourceReporter
from dsw_agent.mounting.store_probe import probe
from dsw_agent.mounting.table import Mounted


@dataclass(frozen=True)
class Patience:
    """Seconds: `period` between two looks, `ask` between two questions to a store that nobody waits
    for, `mount` for rclone to mount, `answer` for the mount to answer, `store` that the store may
    be away while somebody waits for it, `uploads` for what was written to be stored at the end;
    `pauses` between attempts to mount again."""

    period: float = 2.0
    ask: float = 15.0
    mount: float = 15.0
    answer: float = 8.0
    store: float = 8.0
    uploads: float = 25.0
    pauses: tuple[float, ...] = (1, 2, 4, 8, 15)


class StoreSource:
    """The mount of one bucket, from its beginning to its end."""

    def __init__(
        self,
        node: Node,
        request: SourceRequest,
        reporter: SourceReporter,
        stop: threading.Event,
        patience: Patience,
    ) -> None:
        if request.store is None:
            raise ValueError("the source is no object store")
        self._node = node
        self._request = request
        self._store: ObjectStore = request.store
        self._reporter = reporter
        self._patience = patience
        self._point = node.source(request.key)
        self._stack = ExitStack()
        # rclone's socket: its path may be about a hundred characters.
        folder = tempfile.TemporaryDirectory(prefix="source-", dir=node.stage)
        self._folder = self._stack.enter_context(folder)
        self._connections = fuse.Connections(self._folder)
        self._stack.callback(self._connections.close)
        self._rclone: Rclone | None = None
        self._asked = float("-inf")
        self._away_since: float | None = None
        self._before = self._now = Figures()
        self._trouble: MountRefused | None = None
        self._stop = stop

    def run(self) -> int:
        """Mount it and stay until `stop`; the exit code."""
        with self._stack:
            self._say(SourceState.PREPARING)
            try:
                probe(self._store)
                self._mount()
            except MountRefused as error:
                self._end()
                self._reporter.fail(error)
                return 1
            self._say(SourceState.READY)
            self._watch()
            self._store_written()
            self._end()
        return 0

    def _watch(self) -> None:
        attempt = 0
        while not self._stop.is_set():
            if self._rclone is None:
                self._stop.wait(self._patience.pauses[min(attempt, len(self._patience.pauses) - 1)])
                attempt = attempt + 1 if not self._again() else 0
            else:
                self._look()
                self._stop.wait(self._patience.period)
            self._say(SourceState.READY if self._trouble is None else SourceState.DEGRADED)

    def _mount(self) -> None:
        """Start rclone and wait until its mount answers, in place of one that died."""
        fuse.leave(self._point)
        with self._node.folder(SOURCES, self._request.key, make=True):
            pass
        self._rclone = Rclone(self._request, self._point, self._folder)
        deadline = time.monotonic() + self._patience.mount
        while table.at(self._point) is None or not fuse.answers(self._point, 1):
            late = self._stop.is_set() or time.monotonic() > deadline
            if late or not self._rclone.runs():
                words = self._rclone.words()
                self._drop()
                raise MountRefused(
                    MountReason.ENGINE_FAILED, f"The bucket could not be mounted: {words}."
                )
            time.sleep(0.05)
        self._trouble = self._away_since = None
        self._asked = time.monotonic()

    def _again(self) -> bool:
        try:
            probe(self._store)
            self._mount()
        except MountRefused as error:
            self._trouble = error
            return False
        return True

    def _look(self) -> None:
        rclone, mounted = self._rclone, table.at(self._point)
        if rclone is None:
            return
        if not rclone.runs() or mounted is None:
            message = f"The mount ended ({rclone.words()}); it is mounted again."
            self._lose(MountRefused(MountReason.SOURCE_UNREACHABLE, message))
        elif not fuse.answers(self._point, self._patience.answer):
            self._connections.abort(mounted)
            message = "The mount did not answer and was ended; it is mounted again."
            self._lose(MountRefused(MountReason.SOURCE_UNREACHABLE, message))
        else:
            self._now = rclone.figures() or self._now
            self._ask_store(mounted)

    def _ask_store(self, mounted: Mounted) -> None:
        """See whether the store answers; whoever waits for one that does not gets an error."""
        asked = time.monotonic()
        waits = self._connections.waiting(mounted)
        if not waits and self._trouble is None and asked - self._asked < self._patience.ask:
            return
        self._asked = asked
        try:
            probe(self._store)
        except MountRefused as error:
            self._trouble = error
            self._away_since = self._away_since or asked
            away = time.monotonic() - self._away_since
            if away > self._patience.store and self._connections.waiting(mounted):
                self._connections.abort(mounted)
                self._lose(error)
        else:
            self._trouble = self._away_since = None

    def _lose(self, error: MountRefused) -> None:
        self._trouble = error
        self._drop()

    def _drop(self) -> None:
        if self._rclone is not None:
            self._rclone.kill()
            print(self._rclone.log(), file=sys.stderr, flush=True)
            self._rclone = None
        self._before = self._total()
        self._now = Figures()

    def _store_written(self) -> None:
        """Wait until the store has what instances wrote. What is left stays in the cache, and is
        stored when the bucket is mounted again."""
        deadline = time.monotonic() + self._patience.uploads
        most = 0
        while self._rclone is not None and not self._request.read_only:
            figures = self._rclone.figures()
            if figures is None or not figures.uploads or time.monotonic() > deadline:
                return
            most = max(most, figures.uploads)
            percent = 100 * (most - figures.uploads) / most
            self._say(SourceState.READY, f"Storing {figures.uploads} written files.", percent)
            time.sleep(0.2)

    def _end(self) -> None:
        with suppress(OSError):
            fuse.leave(self._point)
        if self._rclone is not None:
            self._rclone.end()
            self._rclone = None
        with suppress(OSError):
            os.rmdir(self._point)

    def _total(self) -> Figures:
        return replace(
            self._now,
            fetched=self._before.fetched + self._now.fetched,
            read=self._before.read + self._now.read,
        )

    def _say(self, state: SourceState, message: str = "", percent: float | None = None) -> None:
        total, trouble = self._total(), self._trouble
        self._reporter.say(
            SourceReport(
                state=state,
                reason=trouble.reason if trouble else MountReason.NONE,
                message=trouble.sentence if trouble else message,
                percent=percent,
                bytes_cached=total.cached,
                bytes_read=total.read,
                bytes_fetched=total.fetched,
            )
        )
