"""Ports for the tests' own servers.

They are below those that the system gives to connections: between the choice of a port and the
start of its server, or while a server is restarted, no connection takes it. Each process of a run
has a range of its own.
"""

from __future__ import annotations

import os
import random
import socket
from contextlib import ExitStack, suppress

RANGES = [range(first, first + 2000) for first in range(14_000, 30_000, 2000)]
_CHANCE = random.SystemRandom()
"""Not the usual one: hypothesis and tests seed that."""


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nothing listened on a moment ago, all different."""
    mine = RANGES[_number() % len(RANGES)]
    found: list[int] = []
    with ExitStack() as stack:
        for port in _CHANCE.sample(mine, len(mine)):
            if len(found) == count:
                return found
            one = stack.enter_context(socket.socket())
            with suppress(OSError):
                one.bind(("127.0.0.1", port))
                found.append(port)
    raise AssertionError(f"fewer than {count} ports of {mine} are free")


def _number() -> int:
    """Of this process among those that run tests side by side; -1: it is the only one."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw-1").removeprefix("gw"))


def an_unused_port() -> int:
    """One such port."""
    return free_ports(1)[0]
