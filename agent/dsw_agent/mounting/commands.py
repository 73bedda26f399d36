"""The commands about mounts: a request file in, report lines out."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from dsw.mounts import MountReason
from dsw.node_mounts import NodeMountsRequest, SourceRequest, WarmReport, WarmRequest
from dsw_agent.mounting.anchors import Node
from dsw_agent.mounting.refusals import MountRefused
from dsw_agent.mounting.source_reports import SourceReporter
from dsw_agent.mounting.steps import results
from dsw_agent.mounting.warming import Warming

if TYPE_CHECKING:
    from dsw_agent.mounting.store_source import Patience

DONE, FAILED, INVALID = 0, 1, 2
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
Request = TypeVar("Request", bound=BaseModel)


def mounts(path: Path, node: Node) -> int:
    """Attach and detach: one `NodeMountResult` line for each step."""
    try:
        request = _read(path, NodeMountsRequest)
    except MountRefused as error:
        print(error.sentence, file=sys.stderr)
        return INVALID
    for result in results(request, node):
        _print(result)
    return DONE


def source(path: Path, node: Node, patience: Patience | None = None) -> int:
    """Bring a source and, of an object store, stay until a signal: `SourceReport` lines."""
    # It brings an HTTP client, which takes longer to load than to mount a folder.
    from dsw_agent.mounting import repository_source, store_source

    stop = _stopping()
    reporter = SourceReporter(sys.stdout)
    try:
        request = _read(path, SourceRequest)
        if request.store is not None:
            patience = patience or store_source.Patience()
            return store_source.StoreSource(node, request, reporter, stop, patience).run()
        return repository_source.check_out(node, request, reporter, stop)
    except MountRefused as error:
        reporter.fail(error)
    return FAILED


def warm(path: Path, node: Node) -> int:
    """Read a source into its cache: `WarmReport` lines."""
    warming = Warming(_print, _stopping())
    try:
        request = _read(path, WarmRequest)
    except MountRefused as error:
        _print(WarmReport(failed=True, message=error.sentence))
        return FAILED
    return DONE if warming.run(node, request) else FAILED


def _stopping() -> threading.Event:
    """What a signal to end sets."""
    stop = threading.Event()
    for number in _SIGNALS:
        signal.signal(number, lambda *_: stop.set())
    return stop


def _read(path: Path, model: type[Request]) -> Request:
    try:
        return model.model_validate_json(path.read_bytes())
    except OSError as error:
        problem = error.strerror or str(error)
    except ValidationError as error:
        # Only where it is wrong: the values may hold a secret.
        places = (".".join(map(str, item["loc"])) or "the file" for item in error.errors())
        problem = f"wrong or missing: {', '.join(places)}"
    message = f"The request {path} cannot be used: {problem}."
    raise MountRefused(MountReason.ENGINE_FAILED, message)


def _print(line: BaseModel) -> None:
    # ASCII, because the engine's log cuts long lines in pieces, also within a character.
    print(line.model_dump_json(exclude_defaults=True, ensure_ascii=True), flush=True)
