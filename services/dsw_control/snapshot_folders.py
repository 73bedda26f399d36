"""The folder that is kept for an instance between its snapshots, and what a helper leaves there."""

from __future__ import annotations

import json
import os
import shutil
import stat
from pathlib import Path

import structlog
from pydantic import ValidationError

from dsw.agent import INDEX_FILE, REPORT_FILE, SBOM_FILE
from dsw.image_report import ImageReport
from dsw.settings import Settings

REPORT_MAX = SBOM_MAX = 16 * 1024**2
"""Bytes. What the helper read may be made by somebody who wishes us ill."""

log = structlog.get_logger()


class SnapshotFolders:
    """`<instance id>/index` is of the last snapshot; `<instance id>/<snapshot id>/` holds what the
    helper writes. All calls block."""

    def __init__(self, settings: Settings) -> None:
        self._root = settings.data / "run" / "snapshots"

    def make(self, instance_id: str, snapshot_id: str = "") -> Path:
        """The instance's folder, with that of a snapshot in it."""
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = self._root / instance_id
        for path in (folder, folder / snapshot_id):
            path.mkdir(exist_ok=True, mode=0o700)
            if os.geteuid() != 0:
                # The helper is root without the right to write where others may not.
                path.chmod(0o777)
        return folder

    def report(self, instance_id: str, snapshot_id: str) -> ImageReport | None:
        """What the helper found out; None when it told nothing that can be understood."""
        text = self._read(instance_id, snapshot_id, REPORT_FILE, REPORT_MAX)
        if text is None:
            return None
        try:
            return ImageReport.model_validate_json(text)
        except ValidationError as error:
            log.warning("report not understood", snapshot=snapshot_id, wrong=error.error_count())
            return None

    def sbom(self, instance_id: str, snapshot_id: str) -> str:
        """The list of packages; empty when there is none that can be understood."""
        text = self._read(instance_id, snapshot_id, SBOM_FILE, SBOM_MAX)
        try:
            tree = json.loads(text or "null")
        except (ValueError, RecursionError):
            tree = None
        if not isinstance(tree, dict) or tree.get("bomFormat") != "CycloneDX":
            return ""
        # Written anew, without anything that a database would not store.
        return json.dumps(tree)

    def keep(self, instance_id: str, snapshot_id: str) -> None:
        """The image is in the catalog: the next snapshot may build on it."""
        folder = self._root / instance_id
        index = folder / snapshot_id / INDEX_FILE
        if index.is_file():
            index.replace(folder / INDEX_FILE)
        self.drop(instance_id, snapshot_id)

    def drop(self, instance_id: str, snapshot_id: str) -> None:
        """Remove what the helper left."""
        shutil.rmtree(self._root / instance_id / snapshot_id, ignore_errors=True)

    def forget(self, instance_id: str) -> None:
        """Remove all that is kept for an instance."""
        shutil.rmtree(self._root / instance_id, ignore_errors=True)

    def instances(self) -> list[str]:
        """Whom something is kept for."""
        return _folders(self._root)

    def snapshots(self, instance_id: str) -> list[str]:
        """Those whose helper's files are still there."""
        return _folders(self._root / instance_id)

    def _read(self, instance_id: str, snapshot_id: str, name: str, limit: int) -> str | None:
        path = self._root / instance_id / snapshot_id / name
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            data = file.read(limit + 1)
        if len(data) > limit:
            log.warning("a helper's file is too large", file=name, snapshot=snapshot_id)
            return None
        return data.decode("utf-8", "replace")


def _folders(path: Path) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return []
