"""What a session at the gateway itself shows: who you are and where you may go. Never a shell."""

from __future__ import annotations

import asyncio
import shlex

import asyncssh

from dsw.errors import DswError
from dsw.instances import InstanceView
from dsw_gateway.control import Login

LOGIN = "dsw"
"""The user inside of an instance that has not told its own yet."""
NO_SHELL = "This gateway only leads to instances: it has no shell, no commands and no files."


class Greeting(asyncssh.SSHServerSession[str]):
    """One session channel: says what there is to say, and ends."""

    def __init__(self, login: Login, address: str) -> None:
        self._login = login
        self._address = address
        self._channel: asyncssh.SSHServerChannel[str] | None = None
        self._asked = False
        self._newline = "\n"
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, chan: asyncssh.SSHServerChannel[str]) -> None:
        """The channel is open."""
        self._channel = chan

    def pty_requested(self, *_arguments: object) -> bool:
        """Taken, so that the client does not warn; there is none."""
        self._newline = "\r\n"
        return True

    def shell_requested(self) -> bool:
        """Answered with the list."""
        return True

    def exec_requested(self, command: str) -> bool:
        """Answered with a sentence: the protocol's own refusal has no words."""
        self._asked = True
        return True

    def subsystem_requested(self, subsystem: str) -> bool:
        """As a command."""
        self._asked = True
        return True

    def session_started(self) -> None:
        """Answer."""
        self._task = asyncio.create_task(self._answer())

    def eof_received(self) -> bool:
        """The client has nothing to say, but listens."""
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """The client does not wait for the answer."""
        if self._task:
            self._task.cancel()

    async def _answer(self) -> None:
        channel = self._channel
        assert channel is not None  # noqa: S101
        text, status = f"{NO_SHELL}\n{usage(self._login.username, self._address)}\n", 1
        if not self._asked:
            try:
                items = await self._login.instances()
                text, status = welcome(self._login.username, self._address, items), 0
            except DswError as error:
                text = f"{error.sentence}\n"
        write = channel.write if status == 0 else channel.write_stderr
        write(text.replace("\n", self._newline))
        channel.exit(status)


def usage(username: str, address: str) -> str:
    """How to enter an instance."""
    return f"Enter one with: {command(username, address, 'INSTANCE', LOGIN)}"


def command(username: str, address: str, host: str, user: str) -> str:
    """The OpenSSH command that enters an instance; `address` is the gateway's."""
    return f"ssh -J {shlex.quote(f'{username}@{address}')} {user}@{host}"


def welcome(username: str, address: str, items: list[InstanceView]) -> str:
    """Who somebody is, and a line for each instance: its name, its state and the way in."""
    lines = [f"You are {plain(username)}. {NO_SHELL}", ""]
    if not items:
        return "\n".join([*lines, "There is no instance that you may enter.", ""])
    rows = [("INSTANCE", "STATE", "ENTER WITH")]
    for item in sorted(items, key=lambda item: (item.access is not None, item.owner, item.name)):
        own = item.access is None
        title = item.name if own else f"{plain(item.owner)}/{item.name}"
        user = item.ssh.user if item.ssh else LOGIN
        way = command(plain(username), address, item.name if own else item.id, user)
        rows.append((title, item.state.value, way))
    widths = [max(len(row[at]) for row in rows) for at in (0, 1)]
    lines += [f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c}" for a, b, c in rows]
    return "\n".join([*lines, "", "One of yours that is stopped starts when you enter it.", ""])


def plain(text: str) -> str:
    """Text that a terminal takes for text alone."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
