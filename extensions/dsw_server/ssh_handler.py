"""The websocket `{base_url}dsw/ssh`: what it carries is one SSH connection.

Whoever comes shows control's ticket. Nothing here counts as activity: an open session's keep-alive
must not keep an idle instance from being stopped.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

from jupyter_server.auth.decorator import allow_unauthenticated
from tornado.iostream import StreamClosedError
from tornado.web import RequestHandler

from dsw.errors import DswError, Forbidden, Invalid
from dsw_server.ssh import Ssh
from dsw_server.ssh_frames import NORMAL, POLICY_VIOLATION, accept_key
from dsw_server.ssh_session import Session
from dsw_server.ssh_websocket import Websocket

# As in `dsw.ssh`, which would make every server start later; a test compares them.
SSH_PATH = "dsw/ssh"
TICKET_HEADER = "X-DSW-Ticket"

DRAIN_SECONDS = 5.0
"""For a client to take what an sshd has sent that is gone."""

GOODBYE_SECONDS = 5.0
"""For a client to take its leave."""


class SshHandler(RequestHandler):
    """Joins a websocket to an sshd. Each side is read from only when the other has taken what came
    before, so neither fills the memory."""

    def initialize(self, ssh: Ssh) -> None:
        """Keep what lets people in."""
        self._ssh = ssh

    # Not by Jupyter's identity, for no token of a user's may come here: the ticket says who it is,
    # and what the socket then carries demands their key.
    @allow_unauthenticated
    async def get(self) -> None:
        """Let in by a ticket, then carry until one side ends; else problem JSON."""
        try:
            key = self._key()
            session = await self._ssh.enter(self.request.headers.get(TICKET_HEADER, ""))
        except DswError as error:
            self.set_status(error.status)
            self.set_header("Content-Type", "application/problem+json")
            self.finish(json.dumps(error.problem()))
            return
        try:
            await self._join(self._accept(key, session), session)
        finally:
            session.hang_up()
            await self._ssh.ended(session)
            session.close()

    def _key(self) -> str:
        headers = self.request.headers
        if "Origin" in headers:
            # No SSH client sends it. A web page that could come in would be somebody's browser.
            raise Forbidden("Web pages cannot use this.", "Use an SSH client: dsw ssh INSTANCE")
        asks = headers.get("Upgrade", "").lower() == "websocket"
        key = headers.get("Sec-WebSocket-Key", "")
        if not (asks and key and headers.get("Sec-WebSocket-Version") == "13"):
            raise Invalid("This is a websocket for SSH.", "Use an SSH client: dsw ssh INSTANCE")
        return key

    def _accept(self, key: str, session: Session) -> Websocket:
        self.set_status(101)
        self.clear_header("Content-Type")
        self.set_header("Upgrade", "websocket")
        self.set_header("Connection", "Upgrade")
        self.set_header("Sec-WebSocket-Accept", accept_key(key))
        self.finish()
        return Websocket(self.detach(), session.hang_up)

    async def _join(self, websocket: Websocket, session: Session) -> None:
        receiving = asyncio.create_task(_receive(websocket, session))
        sending = asyncio.create_task(_send(websocket, session))
        ending = asyncio.create_task(self._ssh.ended(session))
        pinging = asyncio.create_task(websocket.keep_alive())
        try:
            either = {receiving, sending, ending}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not receiving.done():
                await asyncio.wait([sending], timeout=DRAIN_SECONDS)
            session.hang_up()
            await ending
            code = POLICY_VIOLATION if session.farewell else NORMAL
            websocket.leave(code, session.farewell)
            await asyncio.wait([receiving], timeout=GOODBYE_SECONDS)
        finally:
            for task in (receiving, sending, pinging):
                task.cancel()
            websocket.close()


async def _receive(websocket: Websocket, session: Session) -> None:
    async for piece in websocket.pieces():
        await session.write(piece)


async def _send(websocket: Websocket, session: Session) -> None:
    with suppress(StreamClosedError):
        while data := await session.read():
            await websocket.send(data)
