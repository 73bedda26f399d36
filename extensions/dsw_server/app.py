"""The Jupyter server extension: its routes, and the settings that every instance should have."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from jupyter_server.extension.application import ExtensionApp

from dsw_server import apps, apps_handlers
from dsw_server.apps_process import AppProcess
from dsw_server.checkout import Checkout
from dsw_server.control import Control
from dsw_server.endpoints import Reporter
from dsw_server.guard import Guard
from dsw_server.handlers import routes
from dsw_server.metrics import Sampler
from dsw_server.ports import Ports
from dsw_server.ssh import Ssh
from dsw_server.ssh_handler import SSH_PATH, SshHandler
from dsw_server.url_token import accept_url_tokens
from dsw_server.visitors import Visitors

HUB_ANSWER_MAX_AGE = 10
"""Seconds. The hub's own default keeps a revoked share working for five minutes."""


class DswServer(ExtensionApp):
    """What the workbench adds to a Jupyter server, below `{base_url}dsw/api/`."""

    name = "dsw_server"
    load_other_extensions = True

    def initialize_settings(self) -> None:
        """Set what is right for an instance, unless it was set on purpose."""
        apply_defaults(self.serverapp)
        self.apps = offer_apps(self.serverapp)

    def initialize_handlers(self) -> None:
        """Add the routes."""
        self.control = Control(os.environ)
        self.checkout = Checkout(os.environ, self.log)
        self.handlers.extend(routes(self.control, Sampler(), self.checkout))
        self.ssh = Ssh(self.control, os.environ, self.log)
        self.handlers.append((f"/{SSH_PATH}", SshHandler, {"ssh": self.ssh}))
        self.handlers.extend(apps_handlers.routes(self.apps))
        ports = Ports(apps.in_container())
        self.reporter = Reporter(self.control, self.apps, ports, self.log)
        self.guard = guard_for(self.serverapp, self.control)

    async def _start_jupyter_server_extension(self, serverapp: Any) -> None:
        """Clone the code source once the server answers: a start waits for no repository, and
        shares its CPU with none."""
        self.checkout.start()
        self.ssh.start()
        self.reporter.start()
        if self.guard is not None:
            self.guard.start()

    async def stop_extension(self) -> None:
        """End SSH sessions, apps and a clone that is under way, and close the connections to
        control."""
        self.reporter.stop()
        await asyncio.gather(self.ssh.stop(), *(process.stop() for process in self.apps))
        await self.checkout.stop()
        if self.guard is not None:
            self.guard.stop()
        await self.control.close()


def offer_apps(serverapp: Any) -> list[AppProcess]:
    """The apps that the workbench declares for this instance; Lab has tiles for them."""
    shown = apps.show_tiles(serverapp, apps.read())
    return [AppProcess(app, serverapp.base_url, serverapp.log) for app in shown]


def guard_for(serverapp: Any, control: Control) -> Guard | None:
    """The guard of this server's door; None where no hub identifies who comes."""
    if getattr(serverapp.identity_provider, "hub_auth", None) is None:
        return None
    owner = os.environ.get("JUPYTERHUB_USER", "")
    return Guard(serverapp, Visitors(control.visitors), owner)


def apply_defaults(serverapp: Any) -> None:
    """Trust the hub's answers for 10 s only, let the instance's own pages frame Lab, and take
    tokens from websockets' URLs.

    Runs before JupyterHub's own extension, which forbids framing where nothing was said.
    """
    headers = serverapp.web_app.settings.setdefault("headers", {})
    headers.setdefault("Content-Security-Policy", "frame-ancestors 'self'")
    hub_auth = getattr(serverapp.identity_provider, "hub_auth", None)
    if hub_auth is not None:
        accept_url_tokens(hub_auth)
    chosen = any("cache_max_age" in serverapp.config[name] for name in ("HubAuth", "HubOAuth"))
    if hub_auth is not None and not chosen:
        hub_auth.cache_max_age = HUB_ANSWER_MAX_AGE
        hub_auth.cache.max_age = HUB_ANSWER_MAX_AGE
