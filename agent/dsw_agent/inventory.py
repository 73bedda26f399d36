"""What a snapshot finds out about its image besides the bytes: secrets, packages, repositories.

Nothing found in a container is trusted: what cannot be read is as if it were not there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from dsw.agent import REPORT_FILE, SBOM_FILE, AgentRequest
from dsw.image_report import Finding, Forecast, ImageReport
from dsw_agent import forecast as forecasts
from dsw_agent import packages, sbom
from dsw_agent.descent import Descent
from dsw_agent.exclusions import RUNTIME
from dsw_agent.failures import FailureReason, SnapshotFailed
from dsw_agent.image_config import BaseConfig
from dsw_agent.merged import Layers, open_layers
from dsw_agent.repositories import repositories
from dsw_agent.secret_scan import EFFORTS, SecretScan
from dsw_agent.upper_files import reading

_NAMED = 10
_OS_RELEASE = ("usr/lib/os-release", "etc/os-release")
_OS_RELEASE_LINE = re.compile(rb"^(ID|VERSION_ID)=[\"']?([a-z0-9._-]{1,40})[\"']?\s*$", re.M)
_MOST_FOLDERS = 50_000
_DEEPEST = 30
_LISTS = frozenset((*packages.SITES, packages.CONDA))


def check_secrets(
    request: AgentRequest, root: int, paths: Iterable[str]
) -> tuple[list[Finding], int]:
    """What looks like a secret in those files of the open upper directory `root` that are shipped,
    and how many of them were not looked into.

    `SnapshotFailed` when something is found and the request says that this ends the snapshot.
    """
    with reading(root) as read:
        scan = SecretScan(read, EFFORTS[request.secrets])
        scan.look(paths)
    if scan.findings and request.secrets == "block":
        raise _refusal(scan.findings)
    return scan.findings, scan.unscanned


def _refusal(findings: list[Finding]) -> SnapshotFailed:
    named = [f"{each.path} line {each.line} ({each.kind})" for each in findings[:_NAMED]]
    more = f"; and {len(findings) - _NAMED} more" if len(findings) > _NAMED else ""
    return SnapshotFailed(
        FailureReason.SECRETS_FOUND,
        "The workspace saves no image with secrets in it, and these files look as if they held "
        f"some: {'; '.join(named)}{more}.",
        "Remove the secrets, or leave the files out with --exclude, and save again.",
    )


def write(request: AgentRequest, folder: Path, facts: ImageReport) -> None:
    """Write the report, which is `facts` and what is found out here, and the SBOM into a folder."""
    with open_layers([request.upper, *request.lowers]) as roots:
        env = BaseConfig(request.base_config).env
        new = 1 + request.base_saved
        before, after = packages.Inventory(roots, new, _met(roots[0]), env).both()
        system = _system(Layers(roots))
    report = facts.model_copy(
        update={
            "packages": packages.shown(after),
            "changes": packages.changes(before, after),
            "repositories": repositories(request.home) if request.home else [],
        }
    )
    _put(folder / SBOM_FILE, sbom.document(after, request, system))
    _put(folder / REPORT_FILE, report.model_dump_json().encode())


def forecast(request: AgentRequest) -> Forecast:
    """What a snapshot would ship now."""
    return forecasts.forecast(request)


def _put(path: Path, content: bytes) -> None:
    """Whole or not at all."""
    aside = path.with_name(f".{path.name}")
    aside.write_bytes(content)
    aside.replace(path)


def _system(layers: Layers) -> dict[str, str]:
    for path in _OS_RELEASE:
        if text := layers.read(path, 64 * 1024):
            return {key.decode(): value.decode() for key, value in _OS_RELEASE_LINE.findall(text)}
    return {}


def _met(root: int) -> list[str]:
    """The folders in an upper directory in which packages are listed."""
    found: list[str] = []
    descent = Descent(root, lambda *_: True)
    waiting = [""]
    try:
        for _ in range(_MOST_FOLDERS):
            if not waiting:
                break
            path = waiting.pop()
            if (directory := descent.to(path)) is None:
                continue  # Gone, or something else by now.
            with os.scandir(directory) as entries:
                names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
            for name in names:
                below = f"{path}/{name}" if path else name
                if name in _LISTS:
                    found.append(below)
                elif path.count("/") < _DEEPEST and below not in RUNTIME:
                    waiting.append(below)
    finally:
        descent.close()
    return found
