"""The `dsw-agent` command: one request file in, report lines out, an exit code at the end."""

from __future__ import annotations

import argparse
import json
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import ValidationError

from dsw.agent import AgentReport, AgentRequest
from dsw.snapshots import SnapshotState
from dsw_agent import guard, inventory
from dsw_agent.failures import Cancellation, Cancelled, FailureReason, SnapshotFailed
from dsw_agent.freezer import Mark
from dsw_agent.reporting import Reporter

SAVED, FAILED, CANCELLED = 0, 1, 3


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit with its code."""
    parser = argparse.ArgumentParser(prog="dsw-agent", description="Work on the node.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, words in (
        ("snapshot", "save a container's files as an image"),
        ("forecast", "tell what saving them would take"),
    ):
        command = commands.add_parser(name, help=words)
        command.add_argument("request", type=Path, help="JSON file with an AgentRequest")
    for name, words in (
        ("mounts", "show folders in instances, and take them away"),
        ("source", "mount an object store, or check out a repository"),
        ("warm", "read a mounted source into its cache"),
    ):
        command = commands.add_parser(name, help=words)
        command.add_argument("request", type=Path, help="JSON file with the request")
    given = parser.parse_args(arguments)
    if given.command in ("mounts", "source", "warm"):
        sys.exit(_about_mounts(given.command, given.request))
    reporter = Reporter(sys.stdout)
    if given.command == "forecast":
        sys.exit(forecast(given.request, reporter))
    sys.exit(snapshot(given.request, reporter))


def _about_mounts(command: str, path: Path) -> int:
    # It brings what talks to object stores, and a snapshot needs none of it.
    from dsw_agent.mounting import anchors, commands

    work = {"mounts": commands.mounts, "source": commands.source, "warm": commands.warm}[command]
    return work(path, anchors.Node())


def snapshot(path: Path, reporter: Reporter) -> int:
    """Take the snapshot in a process of its own, so that whatever becomes of it, nothing stays
    frozen; the exit code."""
    try:
        return guard.guarded(_freezer(path), lambda mark: run(path, reporter, mark))
    except guard.Ended as error:
        message = f"The agent ended before it was done: {error}."
        reporter.say(_failure(FailureReason.INTERNAL, message))
        return FAILED


def forecast(path: Path, reporter: Reporter) -> int:
    """Print what a snapshot would ship; the exit code."""

    def act() -> int:
        print(inventory.forecast(_read(path)).model_dump_json(ensure_ascii=True), flush=True)
        return SAVED

    return _told(act, reporter)


def run(path: Path, reporter: Reporter, mark: Mark | None = None) -> int:
    """Take the snapshot that the file asks for, in this process; the exit code."""
    # It brings all that delivers images, and somebody waits for a forecast.
    from dsw_agent.snapshot import take

    cancellation = Cancellation()
    for number in guard.SIGNALS:
        signal.signal(number, lambda *_: cancellation.ask())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, guard.SIGNALS)

    def act() -> int:
        reporter.say(take(_read(path), reporter, cancellation, mark or Mark()))
        return SAVED

    return _told(act, reporter)


def _told(act: Callable[[], int], reporter: Reporter) -> int:
    """The exit code of something, with a last report when it fails."""
    _allow_deep_trees()
    try:
        return act()
    except Cancelled:
        message = "Cancelled; no image was made."
        reporter.say(AgentReport(state=SnapshotState.CANCELLED, message=message))
        return CANCELLED
    except SnapshotFailed as error:
        reporter.say(_failure(error.reason, error.sentence))
    except Exception as error:
        traceback.print_exc()
        message = f"The agent failed unexpectedly: {type(error).__name__}. Its log has more."
        reporter.say(_failure(FailureReason.INTERNAL, message))
    return FAILED


def _failure(reason: FailureReason, message: str) -> AgentReport:
    return AgentReport(state=SnapshotState.FAILED, reason=reason, message=message)


def _freezer(path: Path) -> str:
    """What there may be to thaw; the worker tells what is wrong with the request."""
    try:
        return str(json.loads(path.read_bytes())["freezer"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _read(path: Path) -> AgentRequest:
    try:
        return AgentRequest.model_validate_json(path.read_bytes())
    except OSError as error:
        problem = error.strerror or str(error)
    except ValidationError as error:
        # Only where it is wrong: the values may hold a password.
        places = (".".join(map(str, item["loc"])) or "the file" for item in error.errors())
        problem = f"wrong or missing: {', '.join(places)}"
    raise SnapshotFailed(
        FailureReason.INVALID_REQUEST, f"The request {path} cannot be used: {problem}."
    )


def _allow_deep_trees() -> None:
    """One descriptor is open for each level of the tree."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
