"""Where cgroup v1 and v2 keep a container's usage and limits.

Units: bytes, CPU seconds, cores. A controller whose files cannot be read has no figures.
"""

from __future__ import annotations

from pathlib import Path

from dsw_server.usage import Usage

MOUNT = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")
UNLIMITED = 1 << 60
"""v1 writes "no limit" as the largest multiple of the page size that fits into 63 bits."""


def read(mount: Path = MOUNT, membership: Path = MEMBERSHIP) -> Usage | None:
    """The usage of this process's own cgroup; None where its memory has no limit.

    Without a memory limit the cgroup is not an instance's own (a login session, the whole
    machine), and its figures would count other people's work.
    """
    try:
        paths = _paths(membership)
        if "" in paths and not (mount / "memory").is_dir():
            return _read_v2(_folder(mount, paths[""]))
        return _read_v1(mount, paths)
    except (OSError, ValueError, KeyError):
        return None


def _paths(membership: Path) -> dict[str, str]:
    """Controller -> path of the cgroup; v2's only path has the empty name."""
    paths = {}
    for line in membership.read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        paths.update(dict.fromkeys(controllers.split(","), path))
    return paths


def _folder(mount: Path, path: str) -> Path:
    # A container sees its own cgroup as the mount's root, though it may be told the host's path.
    inside = mount / path.lstrip("/")
    return inside if inside.is_dir() else mount


def _read_v2(folder: Path) -> Usage | None:
    limit = (folder / "memory.max").read_text().strip()
    if limit == "max":
        return None
    quota, period = (folder / "cpu.max").read_text().split()
    used = int((folder / "memory.current").read_text())
    return Usage(
        cpu_seconds=_fields(folder / "cpu.stat")["usage_usec"] / 1e6,
        cpu_limit=None if quota == "max" else int(quota) / int(period),
        memory_used=_working_set(used, _fields(folder / "memory.stat")["inactive_file"]),
        memory_limit=int(limit),
        oom_kills=_fields(folder / "memory.events").get("oom_kill", 0),
    )


def _read_v1(mount: Path, paths: dict[str, str]) -> Usage | None:
    memory = _folder(mount / "memory", paths["memory"])
    limit = int((memory / "memory.limit_in_bytes").read_text())
    if limit >= UNLIMITED:
        return None
    cpu = _folder(mount / "cpu", paths["cpu"])
    quota = int((cpu / "cpu.cfs_quota_us").read_text())
    accounting = _folder(mount / "cpuacct", paths["cpuacct"])
    used = int((memory / "memory.usage_in_bytes").read_text())
    return Usage(
        cpu_seconds=int((accounting / "cpuacct.usage").read_text()) / 1e9,
        cpu_limit=quota / int((cpu / "cpu.cfs_period_us").read_text()) if quota > 0 else None,
        memory_used=_working_set(used, _fields(memory / "memory.stat")["total_inactive_file"]),
        memory_limit=limit,
        oom_kills=_fields(memory / "memory.oom_control").get("oom_kill", 0),
    )


def _working_set(used: int, inactive_file: int) -> int:
    """What counts towards the limit and cannot simply be dropped, as `kubectl top` counts it."""
    return max(0, used - inactive_file)


def _fields(path: Path) -> dict[str, int]:
    pairs = (line.split() for line in path.read_text().splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2}
