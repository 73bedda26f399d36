"""The way into an instance: a ticket, waited for while the instance starts, then its websocket."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidStatus

from dsw.errors import Conflict, DswError, Forbidden, Unavailable
from dsw.instances import InstanceState
from dsw.settings import Settings
from dsw.ssh import SSH_PATH, TICKET_HEADER, SshTicketView
from dsw_gateway.control import Login

log = structlog.get_logger()

PING_SECONDS = 25
MESSAGE_MAX = 4 * 1024 * 1024
WRITE_AHEAD = 512 * 1024
ANY = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104
_REFUSED = (401, 403)


@dataclass(frozen=True)
class Patience:
    """Seconds: until a start must be done, in the queue, while a part of the workbench is away
    (it may be restarted), and between two looks."""

    start: float
    queue: float = 60
    away: float = 20
    look: float = 1


class Entrance:
    """Leads those who have logged in to instances, through the hub's own proxy."""

    def __init__(self, settings: Settings, patience: Patience) -> None:
        hub = settings.hub
        self._host, self._port = ANY.get(hub.host, hub.host), hub.port
        self._patience = patience

    async def enter(self, login: Login, instance: str) -> ClientConnection:
        """An open way to the SSH server of an instance. Any `DswError` is why there is none."""
        patience = self._patience
        began = time.monotonic()
        queued = away = 0.0
        start = True
        while True:
            wait: DswError
            try:
                view = await login.ticket(instance, start)
                if view.ticket is not None:
                    return await self._open(view, view.ticket)
                away = 0.0
                # Who stops it from now on has the last word.
                start = view.state == InstanceState.STOPPING
                queued = queued + patience.look if view.state == InstanceState.QUEUING else 0.0
                wait = _waits(view)
            except Unavailable as error:
                away, wait = away + patience.look, error
            late = time.monotonic() - began > patience.start + patience.queue
            if late or queued > patience.queue or away > patience.away:
                raise wait
            await asyncio.sleep(patience.look)

    async def _open(self, view: SshTicketView, ticket: str) -> ClientConnection:
        """The websocket of one ticket. An absolute URL names the origin that the proxy knows the
        instance by; the connection goes to the proxy in any case."""
        url = urlsplit(view.url)
        host = (
            url.netloc or f"{f'[{self._host}]' if ':' in self._host else self._host}:{self._port}"
        )
        try:
            return await connect(
                f"ws://{host}{url.path}{SSH_PATH}",
                host=self._host,
                port=self._port,
                additional_headers={TICKET_HEADER: ticket},
                compression=None,
                proxy=None,
                ping_interval=PING_SECONDS,
                # An answer may wait behind data that the client is slow to take.
                ping_timeout=None,
                close_timeout=2,
                max_size=MESSAGE_MAX,
                max_queue=4,
                write_limit=WRITE_AHEAD,
            )
        except InvalidStatus as error:
            status = error.response.status_code
            log.info("websocket refused", instance=view.instance_id, status=status)
            if status in _REFUSED:
                raise Forbidden(f"{view.name} lets you in no more.") from error
            raise _unreached(view) from error
        except (InvalidHandshake, OSError, TimeoutError) as error:
            log.info("no websocket", instance=view.instance_id, error=type(error).__name__)
            raise _unreached(view) from error


def _unreached(view: SshTicketView) -> Unavailable:
    return Unavailable(f"{view.name} does not answer.", "Try again in a moment.")


def _waits(view: SshTicketView) -> Conflict:
    why = view.message.rstrip(".")
    return Conflict(
        f"{view.name} is not up yet ({view.state}{f': {why}' if why else ''}).",
        "It goes on without you: try again later.",
    )
