"""What is said of a snapshot while it is made and at its end, wherever it is followed."""

from __future__ import annotations

from dsw.snapshots import ENDED, SnapshotState, SnapshotView
from dsw.units import format_duration, format_size

PHASES = {
    SnapshotState.PREPARING: "looking for what changed",
    SnapshotState.COPYING: "copying files",
    SnapshotState.FREEZING: "paused, reading what changed meanwhile",
    SnapshotState.PUSHING: "storing the image",
}


def share_done(snapshot: SnapshotView) -> float | None:
    """The part of the bytes that is done, 0 to 1; None while their total is not known."""
    if snapshot.state is SnapshotState.SAVED:
        return 1.0
    if not snapshot.bytes_total:
        return None
    return min(1.0, snapshot.bytes_done / snapshot.bytes_total)


def amount_text(snapshot: SnapshotView) -> str:
    """Bytes done and in all, per cent, rate and time left, as far as they are known."""
    share = share_done(snapshot)
    parts = []
    if share is not None and snapshot.bytes_total:
        whole = format_size(snapshot.bytes_total)
        parts.append(f"{format_size(snapshot.bytes_done)} of {whole} ({int(100 * share)} %)")
    elif snapshot.bytes_done:
        parts.append(format_size(snapshot.bytes_done))
    if snapshot.rate:
        parts.append(f"{format_size(snapshot.rate)}/s")
    if snapshot.seconds_left is not None:
        parts.append(f"{format_duration(snapshot.seconds_left)} left")
    return ", ".join(parts)


def sentence(snapshot: SnapshotView) -> str:
    """Where a snapshot is, or how it ended, as one line."""
    if snapshot.state in ENDED:
        return _end(snapshot)
    said = [f"Saving “{snapshot.name}”: {PHASES[snapshot.state]}"]
    if amount := amount_text(snapshot):
        said.append(f", {amount}")
    if snapshot.message:
        said.append(f". {snapshot.message}")
    return "".join(said)


def _end(snapshot: SnapshotView) -> str:
    if snapshot.state is SnapshotState.CANCELLED:
        return f"Saving “{snapshot.name}” was cancelled; nothing of it stays."
    if snapshot.state is SnapshotState.FAILED:
        return f"“{snapshot.name}” was not saved. {snapshot.message}".strip()
    facts = [snapshot.image_id or "", format_size(snapshot.bytes_done)]
    if snapshot.frozen_ms:
        facts.append(f"paused for {snapshot.frozen_ms / 1000:.2g} s")
    told = ", ".join(fact for fact in facts if fact)
    return f"Saved as image “{snapshot.name}” ({told}). {snapshot.message}".strip()
