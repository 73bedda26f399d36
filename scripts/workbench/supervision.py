"""The supervisor: its configuration, its one process, and how it is asked for things.

Its files have names relative to the run folder: a socket's path may not be long, and the
configuration format gives spaces, percent signs and semicolons a meaning.
"""

from __future__ import annotations

import os
import shlex
import sys
import time
import xmlrpc.client
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from workbench.folders import Folders
from workbench.processes import Process
from workbench.steps import Refused

SOCKET = "supervisor.sock"
STOP_SECONDS = 30
UP = frozenset({"STARTING", "RUNNING"})
TRIED = UP | {"BACKOFF"}
"""States in which the supervisor refuses to start a program, because it does so itself."""

HEAD = """\
[supervisord]
nodaemon = true
silent = true
logfile = ../logs/supervisor.log
logfile_maxbytes = 5MB
logfile_backups = 3
pidfile = supervisord.pid
identifier = workbench
{user}
[unix_http_server]
file = {socket}
chmod = 0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""

PROGRAM = """
[program:{name}]
command = {command}
autostart = false
autorestart = true
startsecs = 5
startretries = 1000
stopwaitsecs = {stop_seconds}
redirect_stderr = true
stdout_logfile = ../logs/{name}.log
stdout_logfile_maxbytes = 10MB
stdout_logfile_backups = 5
"""


@dataclass(frozen=True)
class Status:
    """What the supervisor says about one program."""

    state: str
    pid: int
    explanation: str


class Supervisor:
    """The supervisor of one installation."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders

    @property
    def crashed(self) -> bool:
        """Whether it ended by itself; its programs then end by themselves, too."""
        return self._folders.supervisor.exists() and self.process is None

    @property
    def process(self) -> Process | None:
        """Its process, if it runs."""
        return Process.read(self._folders.supervisor)

    def configure(self, names: tuple[str, ...]) -> bool:
        """Write its configuration; whether that is another one than before."""
        config = self._folders.run / "supervisord.conf"
        text = HEAD.format(socket=SOCKET, user="user = root\n" if os.geteuid() == 0 else "")
        for name in names:
            line = [sys.executable, "-m", "workbench.programs", name, str(self._folders.data)]
            text += PROGRAM.format(
                name=name,
                command=shlex.join(line).replace("%", "%%"),
                stop_seconds=STOP_SECONDS,
            )
        changed = not config.exists() or config.read_text() != text
        config.write_text(text)
        return changed

    def start(self) -> None:
        """Start it, detached from this command, and wait until it can be asked."""
        run = self._folders.run
        (run / SOCKET).unlink(missing_ok=True)
        output = run / "supervisor.out"
        # Names in its configuration are relative to the folder that it starts in.
        command = ["env", f"--chdir={run}", sys.executable, "-m", "supervisor.supervisord"]
        process = Process.spawn([*command, "-c", "supervisord.conf"], output)
        deadline = time.monotonic() + 20
        while process.runs and time.monotonic() < deadline:
            if (run / SOCKET).exists():
                process.write(self._folders.supervisor)
                return
            time.sleep(0.05)
        raise Refused(f"The supervisor did not start: {output.read_text().strip()[-500:]}")

    def statuses(self) -> dict[str, Status]:
        """Every program's state by its name."""
        with self._calls() as calls:
            return {
                str(info["name"]): Status(info["statename"], info["pid"], info["spawnerr"])
                for info in calls.getAllProcessInfo()
            }

    def launch(self, name: str) -> None:
        """Start a program without waiting for it."""
        with self._calls() as calls:
            calls.startProcess(name, False)

    def halt(self, name: str) -> None:
        """Stop a program and wait for its end."""
        with self._calls() as calls:
            calls.stopProcess(name, True)

    def stop(self) -> bool:
        """End it and its programs; False when it did not run."""
        process = self.process
        if process is None:
            return False
        process.end(3 * STOP_SECONDS + 15)
        self._folders.supervisor.unlink(missing_ok=True)
        return True

    @contextmanager
    def _calls(self) -> Iterator[Any]:
        folder = os.open(self._folders.run, os.O_RDONLY)
        transport = SupervisorTransport(None, None, f"unix:///proc/self/fd/{folder}/{SOCKET}")
        try:
            proxy = xmlrpc.client.ServerProxy("http://supervisor", transport=transport)
            yield proxy.supervisor
        except xmlrpc.client.Fault as fault:
            raise Refused(f"The supervisor refused: {fault.faultString}.") from fault
        except OSError as error:
            raise Refused(f"The supervisor does not answer: {error}.") from error
        finally:
            transport.close()
            os.close(folder)
