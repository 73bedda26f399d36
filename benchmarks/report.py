"""What the start benchmark prints: tables for people, then one JSON line for programs."""

from __future__ import annotations

import json
from statistics import median

from variants import CREATED, STARTED, Run

KINDS = {"fresh": "a new server", "again": "one that was stopped"}
MOMENTS = {"api_ready": "Lab's API answers", "first_cell": "first cell done"}


def print_report(runs: dict[str, dict[str, list[Run]]]) -> None:
    """Everything; the JSON object comes last."""
    print(f"{'seconds, median (least - most)':<34}{'ours':<24}{'plain':<24}ours/plain")
    for kind, title in KINDS.items():
        for moment, what in MOMENTS.items():
            ours, plain = (_values(runs[name][kind], moment) for name in ("ours", "plain"))
            ratio = median(ours) / median(plain)
            print(f"{f'{title}: {what}':<42}{_cell(ours):<24}{_cell(plain):<24}{ratio:.2f}")
    print("\nwhere a new server's time goes (medians of seconds since the POST)")
    for name in ("ours", "plain"):
        print(f"  {name}")
        for text, seconds in marks(runs[name]["fresh"]):
            print(f"    {seconds:6.2f}  {text}")
    print(json.dumps(figures(runs)))


def figures(runs: dict[str, dict[str, list[Run]]]) -> dict[str, float]:
    """Ratios of medians, and our medians in seconds; with `restart_` those of a kept container."""
    found: dict[str, float] = {}
    for kind, prefix in (("fresh", ""), ("again", "restart_")):
        for moment in MOMENTS:
            ours, plain = (median(_values(runs[name][kind], moment)) for name in ("ours", "plain"))
            found[f"{prefix}{moment}_ratio"] = round(ours / plain, 3)
            found[f"{prefix}{moment}_s"] = round(ours, 3)
    return {**found, "runs": len(runs["ours"]["fresh"])}


def marks(runs: list[Run]) -> list[tuple[str, float]]:
    """All that is known of the way, in the order in which it happened."""
    rows = [
        {**run.marks, **{what: getattr(run.moments, name) for name, what in MOMENTS.items()}}
        for run in runs
    ]
    # A mark that one run lacks is no step of every start.
    names = [name for name in rows[0] if all(name in row for row in rows)]
    found = [(_title(name), median(row[name] for row in rows)) for name in names]
    return sorted(found, key=lambda pair: pair[1])


def _title(name: str) -> str:
    return f"the engine says: {name}" if name in (CREATED, STARTED) else name


def _values(runs: list[Run], moment: str) -> list[float]:
    return [getattr(run.moments, moment) for run in runs]


def _cell(values: list[float]) -> str:
    return f"{median(values):.2f} ({min(values):.2f} - {max(values):.2f})"
