"""What a snapshot would ship if it began now, found out while somebody waits for the answer."""

from __future__ import annotations

import os
import time

from dsw.agent import AgentRequest
from dsw.image_report import Forecast
from dsw_agent import index, packages
from dsw_agent.exclusions import Exclusions
from dsw_agent.failures import Cancellation, FailureReason, SnapshotFailed
from dsw_agent.image_config import BaseConfig
from dsw_agent.merged import open_layers
from dsw_agent.scan import path_of, scan
from dsw_agent.tally import SHOWN, Tally

_LISTS = tuple(f"/{name}".encode() for name in (*packages.SITES, packages.CONDA))


def forecast(request: AgentRequest) -> Forecast:
    """Size, biggest folders, package changes and what is left out or refused.

    `SnapshotFailed` when the container's files cannot be read, or no image can be made at all.
    """
    began = time.monotonic()
    base = BaseConfig(request.base_config)
    try:
        with open_layers([request.upper, *request.lowers]) as roots:
            tally, met, since = _read(request, roots[0], len(base.diff_ids))
            before, after = packages.Inventory(roots, 1, met, base.env).both()
    except OSError as error:
        raise SnapshotFailed(
            FailureReason.UPPER_UNREADABLE,
            f"The container's files cannot be read: {error.strerror or error}.",
        ) from error
    changed = packages.changes(before, after)
    return Forecast(
        size=tally.size,
        entries=tally.entries,
        since=since,
        folders=tally.biggest(),
        packages=changed[:SHOWN],
        left_out=tally.left_out,
        more_left_out=tally.more_left_out,
        refused=tally.refused,
        seconds=round(time.monotonic() - began, 3),
    )


def _read(
    request: AgentRequest, root: int, base_layers: int
) -> tuple[Tally, list[str], str | None]:
    """The tally of what is new, the folders where packages may be listed, and the snapshot since
    which it is new."""
    exclusions, cancellation = Exclusions(request.mounts, request.exclude), Cancellation()
    last = index.usable(request, root, exclusions)
    if last is not None and not index.has_room(last.head, base_layers):
        last = None
    now = scan(root, exclusions, cancellation, last=last.scan if last else None)
    known = last.scan.settled if last else frozenset()
    tally = Tally(exclusions)
    tally.count(line for line in now.lines if line not in known)
    met = [os.fsdecode(path_of(line)) for line in now.lines if line.endswith(_LISTS)]
    return tally, met, last.head.snapshot if last else None
