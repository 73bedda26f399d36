"""The workbench inside an instance: how it starts, its server extension and its Lab extension.

Imports nothing, because the entry point runs before anything else may be relied on.
"""

from __future__ import annotations

from typing import Any


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    from dsw_server.app import DswServer

    return [{"module": "dsw_server", "app": DswServer}]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "jupyterhub-dsw"}]
