"""`dsw-gateway`: the gateway's process."""

from __future__ import annotations

import asyncio
import resource
import signal
import sys
from contextlib import suppress

import asyncssh
import structlog
import uvloop

from dsw import json_logs
from dsw.errors import ConfigError, DswError
from dsw.secret_files import GATEWAY, SecretFiles
from dsw.settings import Settings, load
from dsw_gateway.control import ControlCalls
from dsw_gateway.crowd import Crowd, Limits
from dsw_gateway.entering import Entrance, Patience
from dsw_gateway.host_key import host_key
from dsw_gateway.server import Gateway, listen

log = structlog.get_logger()

STOP_SECONDS = 3.0


def main() -> None:
    """Read `dsw.toml`, serve until SIGTERM."""
    json_logs.set_up()
    try:
        settings = load()
        if not settings.ssh.gateway_port:
            raise ConfigError("There is no gateway: ssh.gateway_port is 0.", "Set it to a port.")
        uvloop.run(serve(settings))
    except DswError as error:
        sys.exit(f"dsw-gateway: {error.sentence}")


def build(settings: Settings) -> Gateway:
    """The parts of a gateway for these settings."""
    token = SecretFiles(settings.data).get(GATEWAY)
    return Gateway(
        settings=settings,
        control=ControlCalls(settings, token),
        entrance=Entrance(settings, Patience(start=settings.engine.start_timeout)),
        crowd=Crowd(Limits()),
    )


async def serve(settings: Settings) -> None:
    """Listen until SIGTERM or SIGINT, then end all connections."""
    _allow_many_files()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    gateway = build(settings)
    try:
        acceptor = await listen(gateway, host_key(settings.data))
        log.info("listening", port=acceptor.get_port())
        await stopping.wait()
        await stop(acceptor, gateway)
    finally:
        await gateway.control.close()


async def stop(acceptor: asyncssh.SSHAcceptor, gateway: Gateway) -> None:
    """Take no more connections, and end the open ones; those that do not answer are dropped."""
    acceptor.close()
    connections = gateway.crowd.everybody()
    for connection in connections:
        connection.disconnect(asyncssh.DISC_BY_APPLICATION, "The gateway is stopped.")
    with suppress(TimeoutError):
        async with asyncio.timeout(STOP_SECONDS):
            await asyncio.gather(*(each.wait_closed() for each in connections))
    log.info("stopped", connections=len(connections))


def _allow_many_files() -> None:
    # Each connection is a socket, and so is each way to an instance.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    main()
