"""`dsw-control`: the control process."""

from __future__ import annotations

import socket
import sys

import uvicorn

from dsw import json_logs
from dsw.errors import ConfigError
from dsw.secret_files import CONTROL, GATEWAY, REGISTRY, SESSION, SPAWNER, VAULT, SecretFiles
from dsw.settings import Settings, load
from dsw_control.app import create_app
from dsw_control.assets.vault import Vault
from dsw_control.auth import Authenticator
from dsw_control.context import Control
from dsw_control.engines.base import Engine
from dsw_control.engines.docker import DockerEngine
from dsw_control.engines.process import ProcessEngine
from dsw_control.hub import Hub
from dsw_control.ssh.tickets import Tickets
from dsw_control.store.database import Database


def main() -> None:
    """Read `dsw.toml`, serve until SIGTERM."""
    json_logs.set_up()
    try:
        settings = load()
        control = build(settings)
    except ConfigError as error:
        sys.exit(f"dsw-control: {error.sentence}")
    config = uvicorn.Config(
        create_app(control),
        host=settings.private_host,
        port=settings.control.port,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        timeout_graceful_shutdown=5,
    )
    Server(config, control).run()


class Server(uvicorn.Server):
    """Ends the streams first, so that a stop does not wait for those who listen."""

    def __init__(self, config: uvicorn.Config, control: Control) -> None:
        super().__init__(config)
        self._control = control

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn does, after the listeners were told that no more will come."""
        self._control.bus.close()
        await super().shutdown(sockets)


def build(settings: Settings) -> Control:
    """The parts of a control process for these settings."""
    secrets = SecretFiles(settings.data)
    hub = Hub(settings.hub_api_url, secrets.get(CONTROL))
    password = secrets.read(REGISTRY) if settings.registry.username else ""
    engine: Engine = (
        DockerEngine(settings) if settings.engine.kind == "docker" else ProcessEngine(settings)
    )
    return Control(
        settings=settings,
        db=Database(settings.control_database),
        hub=hub,
        engine=engine,
        auth=Authenticator(hub, secrets.get(SESSION)),
        spawner_token=secrets.get(SPAWNER),
        gateway_token=secrets.get(GATEWAY),
        tickets=Tickets(secrets.get(SESSION)),
        vault=Vault(secrets.get(VAULT)),
        registry_password=password,
    )


if __name__ == "__main__":
    main()
