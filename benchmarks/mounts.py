"""What a dataset mounted while an instance runs costs: until it is there, and what goes through it.

Both ways are read by one process of this machine, which sees the mount as the instance does, under
the instance's root directory. The ways take turns in one run, so that whatever else the machine
does meets each. The last line is one JSON object of figures.
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

from mounts_meters import read_seconds, stat_seconds
from mounts_world import MANY, World, a_world, plain_rclone, timed_mount

MIB = 1024**2


@dataclass(frozen=True)
class Volume:
    """How much is done: rounds, bytes of the file that is read, bytes of an object, files."""

    rounds: int
    file: int
    item: int
    files: int


FULL = Volume(5, 1024 * MIB, 128 * MIB, 10_000)
QUICK = Volume(2, 64 * MIB, 8 * MIB, 1_000)


@dataclass
class Runs:
    """Seconds of each round, by what was done."""

    seconds: dict[str, list[float]] = field(default_factory=dict)

    def add(self, what: str, seconds: float) -> None:
        """One round more."""
        self.seconds.setdefault(what, []).append(seconds)

    def median(self, what: str) -> float:
        """Of all rounds."""
        return median(self.seconds[what])

    def ratio(self, mount: str, direct: str) -> float:
        """How many times as fast the mount is; 1 is as fast, less is slower."""
        return round(self.median(direct) / self.median(mount), 3)


def main() -> None:
    """Bring a workbench up, measure, take it down, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two rounds of a tenth of it")
    parser.add_argument("--runs", type=int, default=FULL.rounds, help=f"rounds ({FULL.rounds})")
    arguments = parser.parse_args()
    volume = QUICK if arguments.quick else Volume(arguments.runs, FULL.file, FULL.item, FULL.files)
    # Like Ctrl-C: what was brought up is taken down.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    runs = Runs()
    _say("bringing up a workbench and an object store")
    with (
        tempfile.TemporaryDirectory(prefix="dsw-benchmark-") as folder,
        a_world(Path(folder)) as world,
    ):
        measure_folder(world, volume, runs)
        measure_bucket(world, volume, runs)
    report(runs, volume)


def measure_folder(world: World, volume: Volume, runs: Runs) -> None:
    """A folder of the host: until it is there, then reading and stats beside the folder itself."""
    folder = world.a_folder(volume.file, volume.files)
    for number in range(volume.rounds):
        with timed_mount(world, "folder") as (seconds, mounted):
            runs.add("bind", seconds)
            ways = [("mount", mounted), ("direct", folder)]
            for name, path in _turns(ways, number):
                runs.add(f"read_{name}", read_seconds(path / "file"))
                runs.add(f"stat_{name}", stat_seconds(path / MANY))


def measure_bucket(world: World, volume: Volume, runs: Runs) -> None:
    """A bucket: until it is there, then objects that no cache has yet, beside plain rclone."""
    world.some_objects(2 * volume.rounds, volume.item)
    with plain_rclone(world) as plain:
        for number in range(volume.rounds):
            with timed_mount(world, "bucket") as (seconds, mounted):
                runs.add("s3", seconds)
                ways = [("mount", mounted), ("plain", plain)]
                for turn, (name, path) in enumerate(_turns(ways, number)):
                    item = path / str(2 * number + turn)
                    runs.add(f"s3_read_{name}", read_seconds(item))
                    runs.add(f"s3_again_{name}", read_seconds(item))


def _turns(ways: list[tuple[str, Path]], number: int) -> list[tuple[str, Path]]:
    return ways if number % 2 == 0 else ways[::-1]


def report(runs: Runs, volume: Volume) -> None:
    """A table for people, then one JSON line for programs."""
    amounts = {"read": volume.file / MIB, "stat": volume.files, "s3": volume.item / MIB}
    print(f"medians of {volume.rounds}; load {os.getloadavg()[1]:.1f}, with what was measured")
    print(f"{'':<18}{'seconds':>10}{'files or MiB a second':>24}")
    for what in runs.seconds:
        seconds, (kind, _, way) = runs.median(what), what.partition("_")
        print(f"{what:<18}{seconds:>10.3f}{f'{amounts[kind] / seconds:.0f}' if way else '':>24}")
    print(json.dumps(figures(runs)))


def figures(runs: Runs) -> dict[str, float]:
    """Medians of seconds until a mount is seen, and of how many times as fast it is as without."""
    return {
        "bind_mount_s": round(runs.median("bind"), 3),
        "s3_mount_s": round(runs.median("s3"), 3),
        "read_ratio": runs.ratio("read_mount", "read_direct"),
        "stat_ratio": runs.ratio("stat_mount", "stat_direct"),
        "s3_read_ratio": runs.ratio("s3_read_mount", "s3_read_plain"),
        "s3_again_ratio": runs.ratio("s3_again_mount", "s3_again_plain"),
        "runs": len(runs.seconds["bind"]),
    }


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
