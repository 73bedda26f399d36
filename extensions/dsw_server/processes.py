"""What the server and its descendants use where no cgroup counts it (the `process` engine)."""

from __future__ import annotations

import os
from collections.abc import Mapping

import psutil

from dsw_server.usage import Usage


def read(environ: Mapping[str, str] = os.environ) -> Usage:
    """The sum over the process tree; the limits are the ones that the hub told, if any.

    Memory shared by several processes counts once for each of them.
    """
    own = psutil.Process()
    seconds, memory = 0.0, 0
    for process in [own, *own.children(recursive=True)]:
        try:
            times = process.cpu_times()
            memory += process.memory_info().rss
        except psutil.Error:
            continue
        seconds += times.user + times.system + times.children_user + times.children_system
    return Usage(
        cpu_seconds=seconds,
        cpu_limit=float(environ.get("CPU_LIMIT") or 0) or None,
        memory_used=memory,
        memory_limit=int(environ.get("MEM_LIMIT") or 0) or None,
    )
