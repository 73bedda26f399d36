"""Waiting for an instance with something to look at, and bearing a control that is restarted."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from rich.markup import escape

from dsw.cli.output import clean, duration, errors
from dsw.client import Client
from dsw.errors import Conflict, RemoteError, Unavailable
from dsw.instances import AT_REST, IS_UP, Desired, InstanceState, InstanceView

T = TypeVar("T")

POLL_SECONDS = 0.5
PATIENCE_SECONDS = 60
GATEWAY = frozenset({502, 503, 504})


class Patience:
    """Asks a workbench that may not answer for a while: what it does goes on without us."""

    def __init__(self, seconds: float = PATIENCE_SECONDS) -> None:
        self._seconds = seconds
        self._silent_since: float | None = None

    def ask(self, call: Callable[[], T], last: T) -> T:
        """What it answers; while it is silent, but not for long, after a moment what it said
        last."""
        try:
            answer = call()
        except (Unavailable, RemoteError) as error:
            if error.status not in GATEWAY or self._is_at_its_end():
                raise
            time.sleep(POLL_SECONDS)
            return last
        self._silent_since = None
        return answer

    def _is_at_its_end(self) -> bool:
        now = time.monotonic()
        if self._silent_since is None:
            self._silent_since = now
        return now - self._silent_since >= self._seconds


def wait_for_instance(client: Client, instance: InstanceView, seconds: float) -> InstanceView:
    """Until the instance is up, or at rest when that is wanted; `Conflict` when a start failed.

    Ctrl-C ends the waiting and changes nothing.
    """
    is_start = instance.desired is Desired.RUNNING
    deadline = time.monotonic() + seconds
    told = None
    try:
        with errors.status(f"{instance.name}: {instance.state}") as status:
            while time.monotonic() < deadline:
                instance = client.instance(instance.id)
                line = progress_line(instance)
                status.update(escape(clean(line)))
                place = instance.queue and (instance.queue.place, instance.queue.waiting_for)
                if place and place != told and not errors.is_terminal:
                    errors.print(line, markup=False)
                    told = place
                if instance.desired is Desired.RUNNING and instance.state in IS_UP:
                    return instance
                if instance.desired is Desired.STOPPED and instance.state in AT_REST:
                    return _rested(instance, is_start)
                time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        errors.print(_left(instance), markup=False)
        raise
    raise Unavailable(
        f"{instance.name} is still {instance.state} after {seconds:.0f} s.", _goes_on(instance)
    )


def progress_line(instance: InstanceView) -> str:
    """How far a start or a stop is: its phase, or the place in the queue and what it waits for."""
    if instance.queue is None:
        percent = "" if instance.percent is None else f" {instance.percent:.0f} %"
        return f"{instance.name}: {instance.state}{percent} {instance.message[:200]}"
    place = instance.queue
    about = "" if place.estimate_seconds is None else f" About {duration(place.estimate_seconds)}."
    return (
        f"{instance.name}: {instance.state}, place {place.place}. {instance.message[:300]}{about}"
    )


def _rested(instance: InstanceView, is_start: bool) -> InstanceView:
    if is_start:
        ended = "failed" if instance.state is InstanceState.FAILED else "was stopped"
        raise Conflict(f"{instance.name} {ended} ({instance.reason}).", instance.message)
    return instance


def _left(instance: InstanceView) -> str:
    if instance.queue is None:
        return f"{instance.name} is {instance.state}. {_goes_on(instance)}"
    return (
        f"{instance.name} stays in the queue, at place {instance.queue.place}. "
        f"Take it out with: dsw instances stop {instance.name}"
    )


def _goes_on(instance: InstanceView) -> str:
    if instance.queue is not None:
        return "It stays in the queue; look with: dsw queue list"
    return f"It goes on; look with: dsw instances events {instance.name}"
