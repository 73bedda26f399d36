"""SSH into this instance: who is let in, how many at once, and for how long.

Control is asked for each ticket, and again every few seconds while somebody is here, so that a
removed key or a lost right also ends what is open.
"""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar

from dsw.errors import DswError, Forbidden, NotAuthenticated, NotFound, Unavailable
from dsw_server.control import Control
from dsw_server.lately import FRESH, PATIENCE, Lately
from dsw_server.ssh_daemon import Daemon
from dsw_server.ssh_session import Session

MOST = 64
"""Sessions at once. One connection carries as many shells as its user likes."""

ABSENT = 60.0
"""Seconds without control after which open sessions end. Longer than for pages, which only have to
be loaded again: on a busy host a restart of control takes 20 s, and without control nobody can lose
a right."""

TICKET_MAX = 2000
LONGEST_PAUSE = 60.0

NO_MORE = "You may not use this instance's SSH any more, or the key was removed."
SERVER_STOPS = "The instance is stopping."


class NotOffered(DswError):
    """This image cannot do it."""

    status: ClassVar[int] = 501
    code: ClassVar[str] = "not_offered"


class TooMany(DswError):
    """There are as many as there may be."""

    status: ClassVar[int] = 429
    code: ClassVar[str] = "too_many"


class Ssh:
    """The SSH of one instance."""

    def __init__(self, control: Control, environ: Mapping[str, str], log: Any) -> None:
        self._control, self._log = control, log
        self._daemon = Daemon(environ)
        self._entrants = Lately(control.ssh_entrants, "keys", stale=ABSENT)
        self._open: dict[Session, asyncio.Task[None]] = {}
        self._opening = 0
        self._introduction: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Let control know whom to log in as, and by which key this host is known."""
        if self._daemon.is_there():
            self._introduction = asyncio.create_task(self._introduce())

    async def stop(self) -> None:
        """End all sessions."""
        for task in (self._introduction, self._watch):
            if task is not None:
                task.cancel()
        attending = list(self._open.values())
        for session in list(self._open):
            session.cut(SERVER_STOPS)
        await asyncio.gather(*attending, return_exceptions=True)

    async def enter(self, ticket: str) -> Session:
        """A session for the ticket's user, whose sshd has just begun; it ends by `hang_up`.

        `NotAuthenticated` without a ticket, `Forbidden` with one that control refuses,
        `Unavailable` when control does not answer, `NotOffered` without sshd, `TooMany`.
        """
        if not 0 < len(ticket) <= TICKET_MAX:
            raise NotAuthenticated("SSH to an instance needs a ticket.", "Use: dsw ssh INSTANCE")
        if not self._daemon.is_there():
            raise NotOffered(
                "This instance's image has no sshd.",
                "Create one from an image with openssh-server.",
            )
        if len(self._open) + self._opening >= MOST:
            raise TooMany(f"{MOST} SSH sessions are open in this instance.", "Close some of them.")
        self._opening += 1
        try:
            user, lines = await self._redeem(ticket)
            return await self._begin(user, lines)
        finally:
            self._opening -= 1

    async def _redeem(self, ticket: str) -> tuple[str, list[str]]:
        try:
            async with asyncio.timeout(PATIENCE):
                entry = await self._control.ssh_entry(ticket)
        except (TimeoutError, DswError) as error:
            if isinstance(error, DswError) and error.status < 500:
                raise Forbidden(error.sentence) from error
            raise Unavailable(
                "The workbench's control service does not answer.", "Try again in a minute."
            ) from error
        return str(entry["user"]), [str(line) for line in entry["keys"]]

    async def _begin(self, user: str, lines: Sequence[str]) -> Session:
        keys = await asyncio.to_thread(_fingerprints, lines)
        try:
            folder = await asyncio.to_thread(self._daemon.lay_out, list(keys.values()))
            started = await self._daemon.start(folder)
        except (OSError, subprocess.SubprocessError) as error:
            self._log.warning("SSH: no session could be begun: %s", error)
            raise Unavailable(
                f"sshd could not be started: {error}.", "Is there space in the home folder?"
            ) from error
        session = Session(user, keys, started, self._log)
        self._open[session] = asyncio.create_task(self._attend(session))
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self._watch_sessions())
        return session

    async def ended(self, session: Session) -> None:
        """When nothing of the session is left."""
        if session in self._open:
            await asyncio.shield(self._open[session])

    async def _attend(self, session: Session) -> None:
        try:
            await session.attend()
        finally:
            del self._open[session]

    async def _watch_sessions(self) -> None:
        """While anybody is here, ask again who may be, and end the rest."""
        while self._open:
            # Those who come while control is asked were let in by a newer answer.
            here = list(self._open)
            try:
                entrants = await self._entrants.get(within=0)
            except DswError:
                entrants = {}
                # Control has just let them in, so that is its answer of a while ago.
                here = [each for each in here if time.monotonic() - each.began > ABSENT]
            for session in here:
                if not session.may_stay(_fingerprints(entrants.get(session.user) or ())):
                    self._log.info("SSH: ended a session of %s", session.user)
                    session.cut(NO_MORE)
            await asyncio.sleep(FRESH)

    async def _introduce(self) -> None:
        pause = 1.0
        while True:
            try:
                key = await asyncio.to_thread(self._daemon.public_key)
                await self._control.put_ssh({"user": self._daemon.user, "host_key": key})
                return
            except NotFound:
                # Not a workbench's instance.
                return
            except (DswError, OSError, subprocess.SubprocessError) as error:
                self._log.warning("SSH: control was not told of it yet: %s", error)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)


def _fingerprints(lines: Sequence[str]) -> dict[str, str]:
    """These public keys, without options or comments, by fingerprint; what is none is left out."""
    # Not sooner: pydantic would make every server start later.
    from dsw.ssh import public_key

    found = {}
    for line in lines:
        with suppress(DswError):
            key = public_key(line)
            found[key.fingerprint] = key.line
    return found
