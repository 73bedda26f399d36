"""Users with homes on a NAS that bounds them, and what control reports of these."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.dsw_control.starts import create

from dsw.plan import PlanRequest
from dsw.usage import StorageQuery
from dsw_control import plans
from dsw_control.auth import Caller
from dsw_control.context import Control
from dsw_control.engines.docker import make_host_folders
from dsw_control.engines.process import ProcessEngine
from dsw_control.records.folders import storage_report


class Isolated(ProcessEngine):
    """Makes folders as a container engine does."""

    isolated = True

    async def make_folders(self, folders: list[str]) -> None:
        make_host_folders(Path(self._settings.nas_root), folders)


async def start(control: Control, owner: str, name: str) -> Path:
    """The home of a user who starts an instance."""
    item = await create(control, owner, "cpu", name=name)
    request = {"owner": owner, "name": item.name, "options": {}}
    return Path((await plans.make_plan(control, PlanRequest.model_validate(request))).home)


async def report(control: Control, name: str = "root", *, admin: bool = True) -> dict[str, Any]:
    found = await storage_report(control, Caller(name=name, admin=admin), StorageQuery())
    return {"why_not": found.why_not, **{folder.owner: folder for folder in found.folders}}
