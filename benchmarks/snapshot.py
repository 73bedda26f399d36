"""What saving a running container costs: by the agent, beside `docker commit` and `docker push`.

Both save the same container into the same registry and take turns, so that whatever else the
machine does meets both. The registry's storage is in memory: it is the destination and not what is
compared. The last line is one JSON object of figures.
"""

# ruff: noqa: E402
from __future__ import annotations

import environment

environment.enter()

import argparse
import json
import os
import signal
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from snapshot_meters import Cost
from snapshot_ways import commit_and_push, snapshot
from snapshot_workloads import Workload, change, workloads
from snapshot_world import World, a_container, a_world, build_images

FIELDS = ("wall", "cpu", "frozen", "disk")


@dataclass
class Costs:
    """All runs of one workload: the engine's own way, ours, and ours after a change."""

    engine: list[Cost] = field(default_factory=list)
    ours: list[Cost] = field(default_factory=list)
    delta: list[Cost] = field(default_factory=list)


def main() -> None:
    """Measure one workload after the other, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one run of a fortieth of it")
    parser.add_argument("--runs", type=int, default=3, help="runs of each (3)")
    arguments = parser.parse_args()
    count = 1 if arguments.quick else arguments.runs
    # Like Ctrl-C: what was brought up is taken down.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    _say("building the images")
    build_images()
    costs: dict[str, Costs] = {}
    with (
        tempfile.TemporaryDirectory(prefix="dsw-benchmark-", dir="/dev/shm") as memory,
        tempfile.TemporaryDirectory(prefix="dsw-benchmark-") as folder,
        a_world(Path(folder), Path(memory)) as world,
    ):
        for workload in workloads(arguments.quick):
            costs[workload.name] = measure(world, workload, count)
    report(costs)


def measure(world: World, workload: Workload, count: int) -> Costs:
    """`count` rounds with one container; who goes first alternates."""
    costs = Costs()
    with a_container(world):
        _say(f"{workload.name}: filling a container")
        workload.fill(world.folder)
        change(world.folder)
        for number in range(count):
            order = [_engine, _ours]
            for way in order if number % 2 == 0 else reversed(order):
                world.store.reset()
                way(world, costs)
            last = costs.engine[-1], costs.ours[-1], costs.delta[-1]
            text = ", ".join(f"{cost.wall:.2f} s" for cost in last)
            _say(f"{workload.name} {number + 1}: engine, ours, ours again: {text}")
    return costs


def _engine(world: World, costs: Costs) -> None:
    costs.engine.append(commit_and_push(world))


def _ours(world: World, costs: Costs) -> None:
    """All of it, then what has changed since."""
    world.saver.forget()
    costs.ours.append(snapshot(world))
    change(world.folder)
    costs.delta.append(snapshot(world))


def report(costs: dict[str, Costs]) -> None:
    """A table for people, then one JSON line for programs."""
    print(f"medians; load average {os.getloadavg()[1]:.1f}, with what was measured")
    print(f"{'':<16}{'wall s':>10}{'CPU s':>10}{'frozen s':>10}{'disk MiB':>10}")
    for name, each in costs.items():
        rows = {"commit + push": each.engine, "agent": each.ours, "agent again": each.delta}
        for what, runs in rows.items():
            wall, cpu, frozen, disk = (_median(runs, key) for key in FIELDS)
            row = f"{wall:>10.2f}{cpu:>10.2f}{frozen:>10.3f}{disk / 1024**2:>10.0f}"
            print(f"{f'{name}: {what}':<24}"[:24] + row)
    print(json.dumps(figures(costs)))


def figures(costs: dict[str, Costs]) -> dict[str, object]:
    """Per workload how many times quicker and cheaper ours is, seconds frozen, bytes of disk, and
    seconds of the snapshot after a change; `delta_s` is the slowest of those."""
    found: dict[str, object] = {}
    for name, each in costs.items():
        found[name] = {
            "wall_ratio": round(_median(each.engine, "wall") / _median(each.ours, "wall"), 2),
            "cpu_ratio": round(_median(each.engine, "cpu") / _median(each.ours, "cpu"), 2),
            "frozen_s": round(_median(each.ours, "frozen"), 3),
            "node_disk_bytes": int(_median(each.ours, "disk")),
            "delta_s": round(_median(each.delta, "wall"), 2),
        }
    found["delta_s"] = max(round(_median(each.delta, "wall"), 2) for each in costs.values())
    return {**found, "runs": len(next(iter(costs.values())).ours)}


def _median(runs: list[Cost], key: str) -> float:
    return median(getattr(run, key) for run in runs)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
