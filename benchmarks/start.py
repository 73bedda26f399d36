"""How soon a new server is there: this workbench beside plain DockerSpawner, on the same image.

Measured from the POST that asks for the server to the first 200 of its `api` through the public
proxy, and to the reply to the first cell. Both take turns in one run, so that whatever else the
machine does meets both. The last line is one JSON object of figures.
"""

# ruff: noqa: E402
from __future__ import annotations

import environment

environment.enter()

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import report
from plain_hub import plain_hub
from tests.workbenches import TestBench
from variants import Ours, Plain, Run, Variant

IMAGE = "base"
SPEC = "small"

Runs = dict[str, dict[str, list[Run]]]


def main() -> None:
    """Bring both up, measure, take both down, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two runs of each")
    parser.add_argument("--runs", type=int, default=10, help="runs of each (10)")
    arguments = parser.parse_args()
    count = 2 if arguments.quick else arguments.runs
    # Like Ctrl-C: what was brought up is taken down.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="dsw-benchmark-") as folder, both(Path(folder)) as pair:
        runs = asyncio.run(measure(pair, count))
    report.print_report(runs)


@contextlib.contextmanager
def both(folder: Path) -> Iterator[dict[str, Variant]]:
    """A workbench and a plain hub of this run's own; nothing of them stays."""
    number = os.getpid()
    bench = TestBench(folder / "workbench", f"b{number}")
    _say("bringing up the workbench and the plain hub")
    try:
        bench.up()
        user = bench.user("alice")
        spec = next(spec for spec in bench.settings.specs if spec.name == SPEC)
        reference = next(i.reference for i in bench.settings.images.official if i.name == IMAGE)
        with plain_hub(folder / "plain", f"p{number}", reference, spec) as hub:
            yield {"ours": Ours(user, IMAGE, SPEC), "plain": Plain(hub)}
    finally:
        bench.down()


async def measure(pair: dict[str, Variant], count: int) -> Runs:
    """One round to warm up, then `count` rounds; who goes first alternates too."""
    runs: Runs = {name: {"fresh": [], "again": []} for name in pair}
    order = list(pair)
    for number in range(count + 1):
        for name in order:
            variant, server = pair[name], f"run{number}"
            fresh = await variant.fresh(server)
            again = await variant.again(server)
            await variant.delete(server)
            _say(f"{number or 'warm-up'} {name}: {fresh.moments.api_ready:.2f} s")
            if number:
                runs[name]["fresh"].append(fresh)
                runs[name]["again"].append(again)
        order.reverse()
    return runs


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
