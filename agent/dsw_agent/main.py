"""The `dsw-agent` command: one request file in, report lines out, an exit code at the end."""

from __future__ import annotations

import argparse
import resource
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from dsw.agent import AgentReport, AgentRequest
from dsw.snapshots import SnapshotState
from dsw_agent.failures import Cancellation, Cancelled, FailureReason, SnapshotFailed
from dsw_agent.reporting import Reporter
from dsw_agent.snapshot import take

SAVED, FAILED, CANCELLED = 0, 1, 3


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit with its code."""
    parser = argparse.ArgumentParser(prog="dsw-agent", description="Work on the node.")
    commands = parser.add_subparsers(required=True)
    snapshot = commands.add_parser("snapshot", help="save a container's files as an image")
    snapshot.add_argument("request", type=Path, help="JSON file with an AgentRequest")
    sys.exit(run(parser.parse_args(arguments).request, Reporter(sys.stdout)))


def run(path: Path, reporter: Reporter) -> int:
    """Take the snapshot that the file asks for; the exit code."""
    cancellation = Cancellation()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: cancellation.ask())
    _allow_deep_trees()
    try:
        reporter.say(take(_read(path), reporter, cancellation))
        return SAVED
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
