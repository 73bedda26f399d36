"""How often the kernel killed a process of a container for memory, read from its cgroup.

The engine's own `oom` event is not sent on every kernel; the counter is there with both versions
of cgroups and with both cgroup drivers. Control must run on the engine's host to read it.
"""

from __future__ import annotations

from pathlib import Path

import docker
from docker.errors import NotFound

CGROUPS = Path("/sys/fs/cgroup")


class MemoryKills:
    """Finds the cgroup of each container once, by its first process."""

    def __init__(self, proc: Path = Path("/proc"), cgroups: Path = CGROUPS) -> None:
        self._proc = proc
        self._cgroups = cgroups
        self._files: dict[str, Path] = {}

    def read(self, client: docker.DockerClient, containers: dict[str, str]) -> dict[str, int]:
        """The counters by instance id, for containers given as container id -> instance id."""
        self._files = {key: file for key, file in self._files.items() if key in containers}
        kills = {}
        for container_id, instance_id in containers.items():
            count = self._count(client, container_id)
            if count is not None:
                kills[instance_id] = count
        return kills

    def _count(self, client: docker.DockerClient, container_id: str) -> int | None:
        file = self._files.get(container_id)
        if file is None or not file.exists():
            try:
                pid = client.api.inspect_container(container_id)["State"]["Pid"]
            except NotFound:
                return None
            file = counter_file(self._proc / str(pid) / "cgroup", self._cgroups)
            if file is None:
                return None
            self._files[container_id] = file
        return parse_kills(file)


def counter_file(memberships: Path, cgroups: Path) -> Path | None:
    """The file with the counter for a process whose `/proc/PID/cgroup` is given."""
    try:
        lines = memberships.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            return cgroups / "memory" / path.lstrip("/") / "memory.oom_control"
        if controllers == "" and (cgroups / "cgroup.controllers").exists():
            return cgroups / path.lstrip("/") / "memory.events"
    return None


def parse_kills(file: Path) -> int | None:
    """The value of `oom_kill`; `None` when the container has just ended."""
    try:
        fields = dict(line.split(None, 1) for line in file.read_text().splitlines())
    except (OSError, ValueError):
        return None
    return int(fields.get("oom_kill", 0))
