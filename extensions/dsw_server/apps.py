"""Which apps this instance was started with, which of them it has, and their tiles in Lab.

Dataclasses, because importing pydantic would make every server start later; what is handed over
was checked by control.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_server_proxy.config import LauncherEntry, ServerProcess

VARIABLE = "DSW_APPS_FILE"
FILE = "/run/dsw/apps"


@dataclass(frozen=True)
class App:
    """A declared app, as `dsw.apps.App` describes it."""

    name: str
    title: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    path: str = ""
    unix_socket: bool = False
    absolute: bool = False
    local_origin: bool = False
    timeout: int = 60

    @property
    def link(self) -> str:
        """What is opened, below the server's URL."""
        return f"{self.name}/{self.path}"

    def is_there(self, environ: Mapping[str, str] = os.environ) -> bool:
        """Whether this instance has the program; people install some while it runs."""
        path = self.environment.get("PATH") or environ.get("PATH")
        return shutil.which(self.command[0], path=path) is not None


def read(environ: Mapping[str, str] = os.environ) -> list[App]:
    """What the workbench handed over; nothing where there is nothing to read."""
    try:
        return [App(**item) for item in json.loads(_file(environ).read_bytes())]
    except (OSError, ValueError, TypeError):
        return []


def in_container(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether this instance has a network of its own."""
    return VARIABLE not in environ


def _file(environ: Mapping[str, str]) -> Path:
    """Another place than the usual one only without a container."""
    return Path(environ.get(VARIABLE) or FILE)


class Tile(ServerProcess):  # type: ignore[misc]
    """An app in jupyter-server-proxy's list, from which Lab makes its launcher's tiles.

    It gets no handler there: those match every path that begins with the app's name.
    """

    def __init__(self, app: App) -> None:
        super().__init__(name=app.name, command=app.command)
        self.app = app

    @property
    def launcher_entry(self) -> LauncherEntry:
        """Shown while the program is there; looked up each time that Lab is loaded."""
        return LauncherEntry(
            enabled=self.app.is_there(), title=self.app.title, path_info=self.app.link
        )

    def make_proxy_handler(self) -> tuple[None, dict[str, Any]]:
        """None."""
        return None, {}


def show_tiles(serverapp: Any, apps: Iterable[App]) -> list[App]:
    """Add the apps to jupyter-server-proxy's list, before it is loaded; those that were added.

    What people declared themselves under the same name, in Jupyter's own way, stays.
    """
    declared = serverapp.config.ServerProxy.get("servers") or {}
    theirs = declared if isinstance(declared, dict) else declared.get_value({})
    ours = [app for app in apps if app.name not in theirs]
    serverapp.config.ServerProxy.servers = {**{app.name: Tile(app) for app in ours}, **theirs}
    return ours
