"""How a test gets the plan of a folder as it is now, and the bytes of a layer as files."""

from __future__ import annotations

import io
import tarfile

from dsw_agent.changes import NOTHING, since
from dsw_agent.exclusions import Exclusions
from dsw_agent.failures import Cancellation
from dsw_agent.scan import scan
from dsw_agent.skipped import Skipped
from dsw_agent.walk import Plan, Walk


def a_plan(root: int, skipped: Skipped, whole: bool = True) -> Plan:
    """The plan of all that is below an open directory."""
    exclusions, cancellation = Exclusions(), Cancellation()
    found = since(NOTHING, scan(root, exclusions, cancellation), exclusions, skipped).found
    return Walk(root, exclusions, skipped, cancellation, whole=whole).plan(found)


def contents(layer: bytes) -> dict[str, bytes | None]:
    """Content of every file of a layer, None for others."""
    found: dict[str, bytes | None] = {}
    with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isfile() or member.islnk() else None
            found[member.name] = file.read() if file else None
    return found
