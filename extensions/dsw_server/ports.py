"""Which ports somebody may want to open: what listens in this instance, by `/proc/net/tcp`.

In a container that is all of its own network namespace, without one only what the server's own
descendants have. What the workbench itself listens on is left out: the server, the ZeroMQ ports of
kernels, VS Code's own processes, and the apps, which are opened by their names.
"""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

PROC = Path("/proc")
LISTEN = "0A"
MOST = 200
GREETING_SECONDS = 0.3

_HERE = re.compile(
    r"0{8}|0100007F"  # 0.0.0.0, 127.0.0.1
    r"|0{32}|0{24}01000000"  # ::, ::1
    r"|0{16}FFFF0000(?:0{8}|0100007F)"  # those of IPv4 on an IPv6 socket
)
"""Addresses that localhost reaches, as a little-endian kernel writes them."""

_EDITORS = re.compile(r"/\.?(?:code-server|vscode-server)(?:/|$)")
_KERNEL_PORTS = ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")


@dataclass(frozen=True)
class Listening:
    """A port that can be opened; `process` is empty where it cannot be known."""

    port: int
    process: str = ""


class Ports:
    """Looks at what listens. Processes are looked at anew only when the sockets have changed."""

    def __init__(self, isolated: bool, proc: Path = PROC, own: int | None = None) -> None:
        self._isolated, self._proc = isolated, proc
        self._own = os.getpid() if own is None else own
        self._sockets: dict[int, int] = {}
        self._found: dict[int, int] = {}
        self._hidden: frozenset[int] = frozenset()

    def look(self, apps: Collection[int] = ()) -> list[Listening]:
        """What is open now, by port; without what processes of the sessions `apps` have."""
        sockets = listening(self._proc)
        if sockets != self._sockets:
            self._sockets = sockets
            self._found = self._owners(sockets)
            self._hidden = self._of_the_workbench(apps)
        shown = sorted(set(self._ports()) - self._hidden)[:MOST]
        by_port = {port: inode for inode, port in sorted(sockets.items(), reverse=True)}
        return [Listening(port, self._name(by_port[port])) for port in shown]

    def _ports(self) -> Iterator[int]:
        for inode, port in self._sockets.items():
            if self._isolated or inode in self._found:
                yield port

    def _name(self, inode: int) -> str:
        pid = self._found.get(inode)
        return "" if pid is None else _printable(_text(self._proc / str(pid) / "comm").strip())

    def _owners(self, sockets: dict[int, int]) -> dict[int, int]:
        """Inode to process, of the processes that may be looked at."""
        found: dict[int, int] = {}
        for pid in self._pids():
            for inode in _inodes(self._proc / str(pid) / "fd"):
                if inode in sockets:
                    found.setdefault(inode, pid)
        return found

    def _pids(self) -> list[int]:
        if self._isolated:
            return [int(entry.name) for entry in self._proc.iterdir() if entry.name.isdigit()]
        try:
            own = psutil.Process(self._own)
            return [own.pid, *(child.pid for child in own.children(recursive=True))]
        except psutil.Error:
            return []

    def _of_the_workbench(self, apps: Collection[int]) -> frozenset[int]:
        hidden = set()
        for inode, pid in self._found.items():
            command = _text(self._proc / str(pid) / "cmdline").split("\0")
            port = self._sockets[inode]
            ours = pid == self._own or _session(pid) in apps
            if ours or _is_editor(command) or _is_of_kernel(command, port):
                hidden.add(port)
        return frozenset(hidden)


def listening(proc: Path = PROC) -> dict[int, int]:
    """Inode to port of the sockets that listen where localhost reaches them."""
    found = {}
    for name in ("tcp", "tcp6"):
        for line in _text(proc / "self" / "net" / name).splitlines()[1:]:
            fields = line.split()
            if len(fields) > 9 and fields[3] == LISTEN:
                address, _, port = fields[1].partition(":")
                if _HERE.fullmatch(address):
                    found[int(fields[9])] = int(port, 16)
    return found


def _is_of_kernel(command: list[str], port: int) -> bool:
    """Whether a kernel needs the port for itself. What else a kernel listens on is the user's: an
    app that runs in a notebook."""
    known = kernel_ports(command)
    return port in known or (bool(known) and _speaks_zeromq(port))


def _speaks_zeromq(port: int) -> bool:
    """Kernels have ports that no file names; ZeroMQ greets whoever connects."""
    try:
        with socket.create_connection(("localhost", port), GREETING_SECONDS) as connection:
            return connection.recv(1) == b"\xff"
    except OSError:
        return False


def kernel_ports(command: list[str]) -> frozenset[int]:
    """The ports of a kernel that its command line's connection file names; none of what is no
    kernel."""
    ports: set[int] = set()
    for argument in command:
        if argument.endswith(".json"):
            try:
                about: Any = json.loads(Path(argument).read_bytes())
            except (OSError, ValueError):
                continue
            if isinstance(about, dict):
                ports |= {about[name] for name in _KERNEL_PORTS if isinstance(about.get(name), int)}
    return frozenset(ports)


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except OSError:
        return 0


def _is_editor(command: list[str]) -> bool:
    return any(_EDITORS.search(argument) for argument in command[:2])


def _inodes(folder: Path) -> Iterator[int]:
    # It may have ended, or belong to somebody else.
    with suppress(OSError):
        for name in os.listdir(folder):
            with suppress(OSError):
                target = os.readlink(folder / name)
                if target.startswith("socket:["):
                    yield int(target[8:-1])


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode(errors="replace")
    except OSError:
        return ""


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable())[:100]
