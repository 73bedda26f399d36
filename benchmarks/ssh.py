"""How fast SSH to an instance is by each road, beside a direct connection to the same sshd.

The sshd is that of a real container, with the configuration that the instance's own server writes;
for the direct connection it listens on the container's address. All roads take turns in one run, so
that whatever else the machine does meets each. The last line is one JSON object of figures.
"""

# ruff: noqa: E402
from __future__ import annotations

import environment

environment.enter()

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from tests.polling import eventually
from tests.ssh_computers import Computer
from tests.workbenches import TestBench, docker

from dsw.names import container_name

NAME = "bench"
HOST = f"{NAME}.dsw"
PORT = 2222
SPEC = f"""
[[specs]]
name = "{NAME}"
cpu = 2
memory = "2GiB"
shared_memory = "1GiB"
"""
ROADS = ("direct", "proxy_command", "gateway")
LISTEN = """
import json, os, subprocess, sys
from dsw_server.ssh_daemon import Daemon
environment = {**os.environ, **json.load(open("/run/dsw/environment"))}
folder = Daemon(environment).lay_out(sys.argv[1:])
command = ["/usr/sbin/sshd", "-f", str(folder / "sshd_config"), "-p", "%d", "-o", "PidFile=none"]
subprocess.run(command, check=True)
"""


@dataclass
class Figures:
    """Seconds of each run by one road."""

    connect: list[float] = field(default_factory=list)
    up: list[float] = field(default_factory=list)
    down: list[float] = field(default_factory=list)
    round_trip: list[float] = field(default_factory=list)


def main() -> None:
    """Bring a workbench up, measure, take it down, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two runs with 20 MB")
    parser.add_argument("--runs", type=int, default=7, help="runs of each (7)")
    arguments = parser.parse_args()
    count, size = (2, 20_000_000) if arguments.quick else (arguments.runs, 200_000_000)
    # Like Ctrl-C: what was brought up is taken down.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # In memory: a disk is not what is measured.
    with (
        tempfile.TemporaryDirectory(prefix="dsw-benchmark-", dir="/dev/shm") as memory,
        tempfile.TemporaryDirectory(prefix="dsw-benchmark-") as folder,
        computers(Path(folder)) as found,
    ):
        file = Path(memory) / "file"
        file.write_bytes(os.urandom(size))
        figures = measure(found, file, count)
    report(figures, size)


@contextlib.contextmanager
def computers(folder: Path) -> Iterator[dict[str, Computer]]:
    """One computer by each road, all with the same key, and an instance that they know."""
    bench = TestBench(folder / "workbench", f"s{os.getpid()}", SPEC)
    _say("bringing up a workbench")
    try:
        bench.up()
        user = bench.user("alice")
        found = {
            road: Computer(folder / road, user, "gateway" if road == "gateway" else "proxy")
            for road in ROADS
        }
        item = user.running(name=NAME, spec=NAME)
        eventually(lambda: user.get(f"instances/{item['id']}")["ssh"], 30)
        for computer in found.values():
            computer.know()
        lead_straight(found["direct"], bench, user.get(f"instances/{item['id']}"))
        yield found
    finally:
        bench.down()


def lead_straight(computer: Computer, bench: TestBench, item: Any) -> None:
    """Let an sshd listen in the container, and the computer's host be there."""
    key = (computer.home / ".config" / "dsw" / "ssh" / "id_ed25519.pub").read_text()
    line = " ".join(key.split()[:2])
    bench.execute(item, "/opt/venv/bin/python", "-c", LISTEN % PORT, line)
    name = container_name(bench.installation, item["id"])
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    address = docker("inspect", "--format", form, name).strip()
    lines = computer.config.read_text().splitlines()
    kept = [each for each in lines if "ProxyCommand" not in each]
    text = "\n".join([*kept, f"    HostName {address}", f"    Port {PORT}", ""])
    computer.config.write_text(text)


def measure(found: dict[str, Computer], file: Path, count: int) -> dict[str, Figures]:
    """One round to warm up, then `count` rounds; who goes first alternates too."""
    figures = {road: Figures() for road in found}
    order = list(found)
    for number in range(count + 1):
        for road in order:
            kept = figures[road] if number else Figures()
            run(found[road], file, kept)
            _say(
                f"{number or 'warm-up'} {road}: up {kept.up[-1]:.2f} s, down {kept.down[-1]:.2f} s"
            )
        order.reverse()
    return figures


def run(computer: Computer, file: Path, figures: Figures) -> None:
    """A connection, and over it a round trip again and again, a file there and back."""
    path = computer.home / "control"
    began = time.perf_counter()
    master = computer.session("-M", "-o", f"ControlPath={path}", HOST)
    figures.connect.append(time.perf_counter() - began)
    assert master.process.stdin
    trips = []
    for number in range(200):
        began = time.perf_counter()
        assert master.echoes(str(number))
        trips.append(time.perf_counter() - began)
    figures.round_trip.append(median(trips))
    there, back = f"{HOST}:/dev/shm/file", file.with_name("back")
    figures.up.append(copy(computer, path, str(file), there))
    figures.down.append(copy(computer, path, there, str(back)))
    if file.read_bytes() != back.read_bytes():
        raise RuntimeError("What came back is not what was sent.")
    master.close()


def copy(computer: Computer, control: Path, source: str, target: str) -> float:
    """Seconds of one scp over a connection that is already open."""
    options = ["-q", "-F", str(computer.config), "-o", f"ControlPath={control}"]
    began = time.perf_counter()
    subprocess.run(["scp", *options, source, target], env=computer.environment, check=True)
    return time.perf_counter() - began


def report(figures: dict[str, Figures], size: int) -> None:
    """A table for people, then one JSON line for programs."""
    print(f"{'':<16}{'up MB/s':>12}{'down MB/s':>12}{'round trip ms':>16}{'connect s':>12}")
    for road, each in figures.items():
        up, down = (size / 1e6 / median(seconds) for seconds in (each.up, each.down))
        trip, connect = median(each.round_trip) * 1000, median(each.connect)
        print(f"{road:<16}{up:>12.0f}{down:>12.0f}{trip:>16.2f}{connect:>12.2f}")
    print(json.dumps(summary(figures)))


def summary(figures: dict[str, Figures]) -> dict[str, float]:
    """Ratios of throughput to the direct connection, up and down together and each; times."""
    direct = figures["direct"]
    found: dict[str, float] = {}
    for road in ROADS[1:]:
        each = figures[road]
        ways = {"up": (direct.up, each.up), "down": (direct.down, each.down)}
        for way, (straight, seconds) in ways.items():
            found[f"{road}_{way}_ratio"] = round(median(straight) / median(seconds), 3)
        both = [sum(median(seconds[at]) for seconds in ways.values()) for at in (0, 1)]
        found[f"{road}_ratio"] = round(both[0] / both[1], 3)
    for road, each in figures.items():
        found[f"{road}_rtt_ms"] = round(median(each.round_trip) * 1000, 3)
        found[f"{road}_connect_s"] = round(median(each.connect), 3)
    found["rtt_ms"] = max(found[f"{road}_rtt_ms"] for road in ROADS[1:])
    return {**found, "runs": len(direct.up)}


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
