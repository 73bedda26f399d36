"""How control does with many: lists and single reads, and admissions a second.

A control process with its loops, on SQLite or PostgreSQL, over HTTP on loopback, with a stub for
the hub; the engine is `process`, so nothing really starts. The last line is one JSON object.
"""

# ruff: noqa: E402
from __future__ import annotations

import environment

environment.enter()

import argparse
import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import control_load
import httpx
import psutil
from control_world import GROUP, Size, World
from tests.polling import eventually
from tests.ports import an_unused_port
from tests.postgresqls import a_server, new_database

from dsw.settings import Settings

HERE = Path(__file__).parent
QUICK = Size(instances=500, users=50, workspaces=10)


def main() -> None:
    """Fill a database, bring control up, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small workbench, few requests")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    plan = control_load.Plan(reads=60, starts=40) if arguments.quick else control_load.Plan()
    with (
        tempfile.TemporaryDirectory(prefix="dsw-benchmark-") as folder,
        a_database(arguments.database, Path(folder)) as url,
    ):
        settings = settings_in(Path(folder), url)
        world = World(QUICK if arguments.quick else Size(), settings)
        _say(f"writing {world.size.instances} instances into {arguments.database}")
        world.fill(url)
        with running(Path(folder), settings, world) as control:
            measured = asyncio.run(control_load.measure(world, plan, lambda: _cpu(control)))
    print_report(measured, arguments.database)


@contextlib.contextmanager
def a_database(kind: str, folder: Path) -> Iterator[str]:
    """An empty database of its own. PostgreSQL does not wait for the disk here (`fsync=off`)."""
    if kind == "sqlite":
        yield f"sqlite:///{folder}/control.sqlite"
        return
    with a_server() as server:
        yield new_database(server, "control")


def settings_in(folder: Path, url: str) -> Settings:
    """What `dsw.toml` says: room for all that is asked for."""
    return Settings.model_validate(
        {
            "data_dir": str(folder),
            "engine": {"kind": "process"},
            "hub": {"api_port": an_unused_port()},
            "control": {"database": url, "port": an_unused_port()},
            "resource_groups": [{"name": GROUP, "cpu": 100_000, "memory": "1024TiB"}],
        }
    )


@contextlib.contextmanager
def running(folder: Path, settings: Settings, world: World) -> Iterator[psutil.Process]:
    """The stub hub and control, each a process; they end with the block. Gives control."""
    servers, config = folder / "servers.json", folder / "dsw.toml"
    servers.write_text(json.dumps(world.running))
    config.write_text(_toml(settings))
    hub = [str(HERE / "control_hub.py"), str(settings.hub.api_port), str(servers)]
    commands = [hub, ["-m", "dsw_control.main"]]
    environ = {**os.environ, "DSW_CONFIG": str(config)}
    with contextlib.ExitStack() as stack:
        log = stack.enter_context((folder / "control.log").open("wb"))
        for command in commands:
            process = subprocess.Popen([sys.executable, *command], env=environ, stderr=log)
            stack.callback(process.wait, 30)
            stack.callback(process.terminate)
        url = f"http://127.0.0.1:{settings.control.port}{settings.service_prefix}healthz"
        eventually(lambda: _answers(url), 60)
        yield psutil.Process(process.pid)


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _toml(settings: Settings) -> str:
    group = settings.resource_groups[0]
    return (
        f'data_dir = "{settings.data_dir}"\n'
        f'engine = {{kind = "process"}}\nhub = {{api_port = {settings.hub.api_port}}}\n'
        f'control = {{port = {settings.control.port}, database = "{settings.control.database}"}}\n'
        f'[[resource_groups]]\nname = "{group.name}"\ncpu = {group.cpu}\nmemory = {group.memory}\n'
    )


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.TransportError:
        return False


def print_report(measured: control_load.Measured, database: str) -> None:
    """A table for people; the JSON object comes last."""
    print(f"{'milliseconds':<44}{'median':>8}{'p95':>8}{'most':>8}{'CPU':>8}")
    for what, seconds in measured.seconds.items():
        ordered = sorted(seconds)
        cells = [control_load.at(ordered, part) for part in (0.5, 0.95, 1)] + [measured.cpu[what]]
        print(f"{what:<44}" + "".join(f"{cell * 1000:>8.1f}" for cell in cells))
    for what, rate in measured.rates.items():
        rest = f"a second{measured.cpu[what] * 1000:>15.1f}"
        print(f"{what:<44}{rate:>8.1f} {rest}")
    print(json.dumps({**measured.figures(), "database": database}))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
