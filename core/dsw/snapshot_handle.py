"""A snapshot as the code that asked for it holds it: followed, waited for, cancelled, shown."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Iterator
from threading import Lock

from dsw import snapshot_views
from dsw.client import Client
from dsw.errors import Conflict, DswError, Unavailable
from dsw.snapshot_text import sentence, share_done
from dsw.snapshots import ENDED, SnapshotState, SnapshotView

PERIOD = 0.5
"""Seconds between two questions to control."""

SLOWEST = 15.0
PATIENCE = 600.0
"""Seconds for which control may not answer while a snapshot is followed: it goes on without us."""

GOES_ON = "It goes on in the workbench; cancel() ends it."


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, or a kernel's interrupt, and what became of the snapshot."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


class SnapshotHandle:
    """One snapshot of the instance that this code runs in.

    In a notebook it shows its progress when it is the last line of a cell. `client` belongs to it.
    """

    def __init__(
        self,
        client: Client,
        snapshot: SnapshotView,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._last = snapshot
        self._clock, self._pause = clock, pause
        self._asked = clock()
        self._lock = Lock()
        self._close = weakref.finalize(self, client.__exit__, None, None, None)
        self._shown_in: object = None

    @property
    def id(self) -> str:
        """The snapshot's id."""
        return self._last.id

    @property
    def name(self) -> str:
        """The name of the new image."""
        return self._last.name

    @property
    def snapshot(self) -> SnapshotView:
        """All that control says of it; not older than half a second, unless it does not answer."""
        if self._last.state not in ENDED and self._clock() - self._asked >= PERIOD:
            try:
                self.refresh()
            except DswError as error:
                if not _is_temporary(error):
                    raise
        return self._last

    @property
    def state(self) -> SnapshotState:
        """Preparing, Copying, Freezing, Pushing; at the end Saved, Failed or Cancelled."""
        return self.snapshot.state

    @property
    def progress(self) -> float | None:
        """The part that is done, 0 to 1; None while the whole is not known."""
        return share_done(self.snapshot)

    @property
    def message(self) -> str:
        """Where it is, or how it ended, as a sentence."""
        return sentence(self.snapshot)

    @property
    def image_id(self) -> str | None:
        """The new image, once it is saved."""
        return self.snapshot.image_id

    def refresh(self) -> SnapshotView:
        """Ask control now."""
        with self._lock:
            if self._last.state not in ENDED:
                self._keep(self._client.snapshot(self._last.id))
        return self._last

    def cancel(self) -> SnapshotHandle:
        """Have it end, so that nothing of it stays; `wait` sees it end. What has ended stays."""
        with self._lock:
            if self._last.state not in ENDED:
                self._keep(self._client.cancel_snapshot(self._last.id))
        return self

    def _keep(self, snapshot: SnapshotView) -> None:
        self._last, self._asked = snapshot, self._clock()
        if snapshot.state in ENDED:
            self._close()

    def changes(self, timeout: float | None = None) -> Iterator[SnapshotView]:
        """The snapshot now and each time that control was asked, to its end.

        While control does not answer, `message` says so; after `PATIENCE` that is raised.
        `Unavailable`, too, when it has not ended after `timeout` seconds.
        """
        began = answered = self._clock()
        period = PERIOD
        yield self._last
        while self._last.state not in ENDED:
            if timeout is not None and self._clock() - began >= timeout:
                raise Unavailable(f"“{self.name}” is not saved after {timeout:g} s.", GOES_ON)
            self._pause(period)
            try:
                self.refresh()
                answered, period = self._clock(), PERIOD
                yield self._last
            except DswError as error:
                if not _is_temporary(error) or self._clock() - answered >= PATIENCE:
                    raise
                period = min(SLOWEST, 2 * period)
                again = f"{error.message} Trying again."
                yield self._last.model_copy(update={"message": again})

    def wait(self, timeout: float | None = None) -> SnapshotHandle:
        """Show its progress until it is saved. Interrupting this ends the waiting alone.

        Raises `Conflict` when it failed or was cancelled, `Unavailable` after `timeout` seconds.
        """
        try:
            return self._wait(timeout)
        except KeyboardInterrupt:
            raise Interrupted(f"Saving “{self.name}” goes on. {GOES_ON}") from None

    def finish(self) -> SnapshotHandle:
        """As `wait`, for who asked for nothing else: interrupting this cancels the snapshot."""
        try:
            return self._wait(None)
        except KeyboardInterrupt:
            try:
                said = sentence(self.cancel()._last)
            except DswError as error:
                raise Interrupted(f"It was not cancelled: {error.sentence} {GOES_ON}") from None
            if self._last.state not in ENDED:
                said = f"Saving “{self.name}” is being cancelled; nothing of it stays."
            raise Interrupted(said) from None

    def _wait(self, timeout: float | None) -> SnapshotHandle:
        if self._last.state not in ENDED:
            with snapshot_views.view(self) as show:
                self._shown_in = snapshot_views.cell()
                for snapshot in self.changes(timeout):
                    show(snapshot)
        if self._last.state is not SnapshotState.SAVED:
            raise Conflict(sentence(self._last))
        return self

    def __repr__(self) -> str:
        return sentence(self._last)

    def _ipython_display_(self) -> None:
        # The cell in which it was waited for shows it already.
        if self._shown_in is None or self._shown_in != snapshot_views.cell():
            snapshot_views.display(self)


def _is_temporary(error: DswError) -> bool:
    return error.status >= 500
