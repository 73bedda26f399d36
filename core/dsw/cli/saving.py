"""Saving an instance as people watch it: what a snapshot would ship, and how far it is."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import partial

from dsw.cli.output import errors
from dsw.cli.progress import POLL_SECONDS, Patience
from dsw.cli.snapshot_line import snapshot_line
from dsw.client import Client
from dsw.errors import Conflict, DswError
from dsw.image_report import Forecast, ImageReport, LeftOut, PackageChange
from dsw.snapshot_text import sentence
from dsw.snapshots import ENDED, SnapshotState, SnapshotView
from dsw.units import format_size

FOLDERS = 5
LINES = 10


def forecast_fields(forecast: Forecast) -> dict[str, str]:
    """A forecast as a few lines for people."""
    since = f", on top of {forecast.since}" if forecast.since else ""
    folders = forecast.folders[:FOLDERS]
    return {
        "size": f"{format_size(forecast.size)} in {_entries(forecast.entries)}{since}",
        "folders": "\n".join(
            f"{each.path}: {format_size(each.size)}, {_entries(each.entries)}" for each in folders
        ),
        "packages": changes_text(forecast.packages),
        "left out": left_out_text(forecast.left_out, forecast.more_left_out),
        "refused": left_out_text(forecast.refused),
    }


def changes_text(changes: Sequence[PackageChange]) -> str:
    """Package changes, one a line: `+` added, `-` removed, `~` another version."""
    return _cut([_change(each) for each in changes], len(changes))


def left_out_text(items: Sequence[LeftOut], more: int = 0) -> str:
    """Paths that an image lacks and why, one a line."""
    return _cut([f"{each.path}: {each.reason}" for each in items], len(items) + more)


def findings_text(report: ImageReport) -> str:
    """What in an image looks like a secret, one place a line, and what was not looked at."""
    lines = [f"{each.path}:{each.line}: {each.kind}" for each in report.findings]
    text = _cut(lines, len(lines))
    if not report.unscanned:
        return text
    files = "1 file was" if report.unscanned == 1 else f"{report.unscanned:,} files were"
    return "\n".join([*filter(None, [text]), f"{files} not looked into"])


def warn_of_secrets(client: Client, snapshot: SnapshotView) -> None:
    """Say at the end what a saved image shows to everybody who may use it."""
    report = client.image_report(snapshot.image_id or "").report
    if report.findings:
        errors.print(
            f"This looks like secrets, and is in the image:\n{findings_text(report)}", markup=False
        )


def _entries(count: int) -> str:
    return f"{count:,} {'entry' if count == 1 else 'entries'}"


def _change(each: PackageChange) -> str:
    if each.before is None:
        return f"+ {each.manager} {each.name} {each.after}"
    if each.after is None:
        return f"- {each.manager} {each.name} {each.before}"
    return f"~ {each.manager} {each.name} {each.before} -> {each.after}"


def _cut(lines: Sequence[str], count: int) -> str:
    shown = [*lines[:LINES]]
    if count > len(shown):
        shown.append(f"and {count - len(shown)} more")
    return "\n".join(shown)


def wait_for_snapshot(client: Client, snapshot: SnapshotView) -> SnapshotView:
    """Until the snapshot is saved; Ctrl-C cancels it and waits for that. `Conflict` when it failed
    or somebody cancelled it."""
    try:
        with snapshot_line() as show:
            for news in _news(client, snapshot):
                snapshot = news
                show(news)
    except KeyboardInterrupt:
        _cancel(client, snapshot)
        raise
    if snapshot.state is not SnapshotState.SAVED:
        raise Conflict(sentence(snapshot))
    return snapshot


def _news(client: Client, snapshot: SnapshotView) -> Iterator[SnapshotView]:
    """The snapshot now and then, to its end."""
    patience = Patience()
    yield snapshot
    while snapshot.state not in ENDED:
        time.sleep(POLL_SECONDS)
        snapshot = patience.ask(partial(client.snapshot, snapshot.id), snapshot)
        yield snapshot


def _cancel(client: Client, snapshot: SnapshotView) -> None:
    """Have it cancelled, and say what became of it; another Ctrl-C ends the waiting."""
    errors.print(f"Cancelling “{snapshot.name}”.", markup=False)
    try:
        snapshot = client.cancel_snapshot(snapshot.id)
    except DswError as error:
        errors.print(error.sentence, markup=False)
    *_, snapshot = _news(client, snapshot)
    errors.print(sentence(snapshot), markup=False)
