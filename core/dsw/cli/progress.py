"""Waiting with something to look at: a start's phases, a snapshot's bytes."""

from __future__ import annotations

import time

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from dsw.cli.output import errors
from dsw.client import Client
from dsw.errors import Conflict, Unavailable
from dsw.instances import AT_REST, IS_UP, Desired, InstanceView
from dsw.snapshots import ENDED, SnapshotState, SnapshotView

POLL_SECONDS = 0.5


def wait_for_instance(client: Client, instance: InstanceView, seconds: float) -> InstanceView:
    """Until the instance is up, or at rest when that is wanted; `Conflict` when a start failed."""
    is_start = instance.desired is Desired.RUNNING
    deadline = time.monotonic() + seconds
    with errors.status(f"{instance.name}: {instance.state}") as status:
        while time.monotonic() < deadline:
            instance = client.instance(instance.id)
            percent = "" if instance.percent is None else f" {instance.percent:.0f} %"
            status.update(f"{instance.name}: {instance.state}{percent} {instance.message[:200]}")
            if instance.desired is Desired.RUNNING and instance.state in IS_UP:
                return instance
            if instance.desired is Desired.STOPPED and instance.state in AT_REST:
                if is_start and instance.state == "Failed":
                    raise Conflict(f"{instance.name} failed ({instance.reason}).", instance.message)
                return instance
            time.sleep(POLL_SECONDS)
    raise Unavailable(
        f"{instance.name} is still {instance.state} after {seconds:.0f} s.",
        f"It goes on; look with: dsw instances events {instance.name}",
    )


def wait_for_snapshot(client: Client, snapshot: SnapshotView) -> SnapshotView:
    """Until the snapshot has ended; Ctrl-C cancels it."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TimeElapsedColumn(),
    )
    try:
        with Progress(*columns, console=errors) as progress:
            task = progress.add_task(snapshot.state, total=None)
            while snapshot.state not in ENDED:
                time.sleep(POLL_SECONDS)
                snapshot = client.snapshot(snapshot.id)
                progress.update(
                    task,
                    description=snapshot.state,
                    completed=snapshot.bytes_done,
                    total=snapshot.bytes_total,
                )
    except KeyboardInterrupt:
        snapshot = client.cancel_snapshot(snapshot.id)
        errors.print(f"Cancelling {snapshot.name}.", markup=False)
        raise
    if snapshot.state is SnapshotState.FAILED:
        raise Conflict(f"Saving failed ({snapshot.reason}).", snapshot.message)
    return snapshot
