"""A mount as the code that asked for it holds it: a path, waited for, unmounted, shown."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from dsw import inside, mount_views
from dsw.errors import Conflict, DswError, RemoteError, Unavailable
from dsw.mount_text import busy_text, sentence
from dsw.mounts import MountKind, MountReason, MountState, MountView
from dsw.snapshot_handle import Interrupted
from dsw.snapshot_views import cell

PERIOD = 0.4
"""Seconds between two questions to control."""

SLOWEST = 10.0
UNMOUNT_LIMIT = 60.0
"""Seconds after which unmounting is left to go on alone."""

PATIENCE = 300.0
"""Seconds for which control may not answer while a mount is waited for."""

ELSEWHERE = "Elsewhere, mount in one with: dsw mounts add INSTANCE DATASET"
GOES_ON = "It goes on in the workbench; see dsw.list_mounts()."
UNDER_WAY = frozenset({MountState.MOUNTING, MountState.UNMOUNTING})
NOT_FOUND, CONFLICT = 404, 409


class Desk:
    """Control as this instance sees it; its connections close with the last handle of it."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.client, self.instance_id = inside.connect(elsewhere=ELSEWHERE)
        self.clock, self.pause = clock, pause
        weakref.finalize(self, self.client.__exit__, None, None, None)

    def mounts(self) -> list[MountHandle]:
        """What is mounted in the instance now."""
        found = self.client.mounts(self.instance_id)
        return [MountHandle(self, each) for each in found if each.ended_at is None]


class MountHandle:
    """One mount of the instance that this code runs in; it can be used wherever a path can.

    `open(handle / "train.csv")`, `os.listdir(handle)`, `f"{handle}/train"`.
    """

    def __init__(self, desk: Desk, mount: MountView) -> None:
        self._desk, self._last = desk, mount
        self._shown_in: object = None

    def __fspath__(self) -> str:
        return self._last.target

    def __str__(self) -> str:
        return self._last.target

    def __truediv__(self, below: str) -> Path:
        return self.path / below

    @property
    def path(self) -> Path:
        """The folder."""
        return Path(self._last.target)

    @property
    def id(self) -> str:
        """The mount's id."""
        return self._last.id

    @property
    def name(self) -> str:
        """Its name: of dynamic mounts the folder's below `/mnt/dynamic`."""
        return self._last.name

    @property
    def mount(self) -> MountView:
        """What control said of it when it was last asked."""
        return self._last

    @property
    def state(self) -> MountState:
        """What it is now: Mounted, or Mounting, Degraded, Unmounting, Unmounted, Failed."""
        return self.refresh().state

    @property
    def message(self) -> str:
        """How it is, as a sentence; as of when control was last asked."""
        return sentence(self._last)

    def refresh(self) -> MountView:
        """Ask control now."""
        if self._last.ended_at is None:
            try:
                self._last = self._desk.client.mount(self._desk.instance_id, self.id)
            except DswError as error:
                if error.status != NOT_FOUND:
                    raise
                # What has ended may be forgotten.
                gone = {"state": MountState.UNMOUNTED, "ended_at": self._last.created_at}
                self._last = self._last.model_copy(update={**gone, "message": ""})
        return self._last

    def wait(self, timeout: float | None = None) -> MountHandle:
        """Show progress until it is mounted. Interrupting this ends the waiting alone.

        Raises `Conflict` when it failed or was unmounted, `Unavailable` when its source cannot be
        reached or after `timeout` seconds.
        """
        if self._last.state is MountState.MOUNTING:
            with mount_views.view(self) as show:
                self._shown_in = cell()
                self.follow(show, timeout)
        if self._last.state is MountState.DEGRADED:
            undo = f"dsw.unmount({self.name!r}) ends that."
            raise Unavailable(sentence(self._last), undo)
        if self._last.state is not MountState.MOUNTED:
            raise Conflict(sentence(self._last))
        return self

    def finish(self) -> MountHandle:
        """As `wait`, for who asked for nothing else: what fails is taken back, as is what is
        interrupted."""
        try:
            return self.wait()
        except Conflict:
            with suppress(DswError):
                self._remove(force=False)
            raise
        except KeyboardInterrupt:
            try:
                self._remove(force=False)
            except DswError as error:
                raise Interrupted(f"It is mounted all the same: {error.sentence}") from None
            raise Interrupted(f"Mounting “{self.name}” was taken back.") from None

    def unmount(self, force: bool = False) -> MountHandle:
        """Take it away. Raises `Conflict` that names the processes which use it; with `force` they
        get errors instead."""
        if self._last.kind is MountKind.STATIC:
            raise Conflict(
                f"“{self.name}” is mounted from the start of this instance.",
                "Take it out of the instance's datasets in the console; that holds from its "
                "next start.",
            )
        try:
            self._remove(force)
            self.follow(lambda _: None, UNMOUNT_LIMIT)
        except RemoteError as error:
            if error.status != CONFLICT or self.refresh().reason != MountReason.BUSY:
                raise
        if self._last.state is MountState.MOUNTED and self._last.reason == MountReason.BUSY:
            raise Conflict(
                busy_text(self._last),
                "Close what is open there, and leave the folder; or unmount it all the same: "
                f"dsw.unmount({self.name!r}, force=True)",
            )
        if self._last.ended_at is None and self._last.state is not MountState.UNMOUNTED:
            raise Conflict(f"“{self.name}” was not unmounted.", self._last.message)
        return self

    def follow(self, show: Callable[[MountView], None], timeout: float | None = None) -> MountView:
        """Ask until it is neither being mounted nor unmounted, and show each answer.

        While control does not answer, the message says so; after `PATIENCE` that is raised.
        """
        pause, clock = self._desk.pause, self._desk.clock
        began = answered = clock()
        period = PERIOD
        show(self._last)
        while self._last.state in UNDER_WAY:
            if timeout is not None and clock() - began >= timeout:
                doing = self._last.state.lower()
                raise Unavailable(
                    f"After {timeout:g} s it is still {doing} “{self.name}”.", GOES_ON
                )
            pause(period)
            try:
                show(self.refresh())
                answered, period = clock(), PERIOD
            except DswError as error:
                if error.status < 500 or clock() - answered >= PATIENCE:
                    raise
                period = min(SLOWEST, 2 * period)
                again = f"{error.message} Trying again."
                show(self._last.model_copy(update={"message": again}))
        return self._last

    def _remove(self, force: bool) -> None:
        self._desk.client.remove_mount(self._desk.instance_id, self.id, force)
        self.refresh()

    def __repr__(self) -> str:
        return sentence(self._last)

    def _ipython_display_(self) -> None:
        # The cell in which it was waited for shows it already.
        if self._shown_in is None or self._shown_in != cell():
            print(repr(self))
