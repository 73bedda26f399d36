"""The websocket `{base_url}dsw/ssh`: each binary message is a piece of an SSH connection.

Whoever comes shows control's ticket. Nothing here counts as activity: an open session's keep-alive
must not keep an idle instance from being stopped.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

from jupyter_server.auth.decorator import allow_unauthenticated
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from dsw.errors import DswError, Forbidden
from dsw_server.ssh import Ssh
from dsw_server.ssh_session import Session

# As in `dsw.ssh`, which would make every server start later; a test compares them.
SSH_PATH = "dsw/ssh"
TICKET_HEADER = "X-DSW-Ticket"

MESSAGE_BYTES = 1 << 20
PING_SECONDS = 25
DRAIN_SECONDS = 5.0
"""For a client to take what an sshd has sent that is gone."""

NORMAL, UNSUPPORTED, POLICY_VIOLATION = 1000, 1003, 1008


class SshHandler(WebSocketHandler):
    """Joins a websocket to an sshd. Each side is read from only when the other has taken what came
    before, so neither fills the memory."""

    _session: Session | None = None
    _carrying: asyncio.Task[None] | None = None

    def initialize(self, ssh: Ssh) -> None:
        """Keep what lets people in."""
        self._ssh = ssh

    # Not by Jupyter's identity, for no token of a user's may come here: the ticket says who it is,
    # and what the socket then carries demands their key.
    @allow_unauthenticated
    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Let in by a ticket, then carry until one side ends; else problem JSON."""
        try:
            session = await self._enter()
        except DswError as error:
            self._refuse(error)
            return
        self._session = session
        try:
            await super().get()
        finally:
            session.hang_up()
            await self._ssh.ended(session)
            if self._carrying is not None:
                await asyncio.wait([self._carrying])
            session.close()

    async def _enter(self) -> Session:
        headers = self.request.headers
        if "Origin" in headers:
            # No SSH client sends it. A web page that could come in would be somebody's browser.
            raise Forbidden("Web pages cannot use this.", "Use an SSH client: dsw ssh INSTANCE")
        return await self._ssh.enter(headers.get(TICKET_HEADER, ""))

    def _refuse(self, error: DswError) -> None:
        self.set_status(error.status)
        self.set_header("Content-Type", "application/problem+json")
        self.finish(json.dumps(error.problem()))

    def open(self, *args: str, **kwargs: str) -> None:
        """Begin to carry."""
        self.set_nodelay(True)
        if self._session is not None:
            self._carrying = asyncio.create_task(self._carry(self._session))

    async def on_message(self, message: str | bytes) -> None:
        """To sshd; the next message is read once it has this one."""
        if isinstance(message, str):
            self.close(UNSUPPORTED, "Only binary messages.")
        elif self._session is not None:
            await self._session.write(message)

    def on_close(self) -> None:
        """The client is gone."""
        if self._session is not None:
            self._session.hang_up()

    async def _carry(self, session: Session) -> None:
        """From sshd to the client, and the end of the one to the other."""
        ending = asyncio.create_task(self._ssh.ended(session))
        sending = asyncio.create_task(self._send(session))
        await asyncio.wait([ending, sending], return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait([sending], timeout=DRAIN_SECONDS)
        sending.cancel()
        session.hang_up()
        await ending
        farewell = session.farewell
        self.close(POLICY_VIOLATION if farewell else NORMAL, farewell or None)

    async def _send(self, session: Session) -> None:
        with suppress(WebSocketClosedError, StreamClosedError):
            while data := await session.read():
                await self.write_message(data, binary=True)

    @property
    def ping_interval(self) -> float:
        """Often enough for whatever stands between to see that the connection lives."""
        return PING_SECONDS

    @property
    def ping_timeout(self) -> float:
        """None: a client that is suspended is not gone, and sshd itself ends one that is."""
        return 0

    @property
    def max_message_size(self) -> int:
        """Bytes that one message may have."""
        return MESSAGE_BYTES
