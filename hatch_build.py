"""What the wheel holds besides Python: the built JavaScript, server config and Dockerfiles.

A wheel without its JavaScript would install and then show empty pages, so its build fails. An
editable install works without.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

CONSOLE = "services/dsw_control/static"
LAB = "extensions/dsw_server/labextension"
LAB_TARGET = "share/jupyter/labextensions/jupyterhub-dsw"
SERVER_CONFIG = "extensions/jupyter-config/jupyter_server_config.d"
SERVER_CONFIG_TARGET = "etc/jupyter/jupyter_server_config.d"


class ProjectBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds the files that depend on what was built before."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add to `build_data`, or refuse when something is missing."""
        root = Path(self.root)
        complete = True
        for product in (f"{CONSOLE}/index.html", f"{LAB}/package.json"):
            if not (root / product).is_file():
                complete = False
                if version != "editable":
                    raise RuntimeError(f"{product} is missing. Run scripts/build-js first.")
        if complete:
            build_data["shared_data"][LAB] = LAB_TARGET
        build_data["shared_data"][SERVER_CONFIG] = SERVER_CONFIG_TARGET
        if version != "editable":
            build_data["force_include"] |= _dockerfiles(root)


def _dockerfiles(root: Path) -> dict[str, str]:
    folders = [path.parent for path in root.glob("images/*/Dockerfile")] + [root / "images/common"]
    files = (path for folder in sorted(folders) for path in sorted(folder.rglob("*")))
    return {str(path): f"dsw/_{path.relative_to(root)}" for path in files if path.is_file()}
