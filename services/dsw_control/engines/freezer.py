"""The cgroup files that freeze a container, with both versions of cgroups."""

from __future__ import annotations

from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


def freezer_of(memberships: Path, container_id: str, cgroups: Path = CGROUPS) -> Path | None:
    """The directory that freezes a container, by the `/proc/PID/cgroup` of its first process.

    None when the process is gone: by then its number may be another's, who must not be frozen.
    """
    try:
        lines = memberships.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if container_id not in path.rpartition("/")[2]:
            continue
        if "freezer" in controllers.split(","):
            return cgroups / "freezer" / path.lstrip("/")
        if controllers == "" and (cgroups / "cgroup.controllers").exists():
            return cgroups / path.lstrip("/")
    return None


def is_frozen(folder: Path) -> bool:
    """Whether somebody froze this cgroup itself; False when it is gone."""
    return _read(folder / "freezer.self_freezing") == "1" or _read(folder / "cgroup.freeze") == "1"


def thaw(folder: Path) -> None:
    """Let it run again; `OSError` when that is not permitted."""
    first = folder / "freezer.state"
    if first.exists():
        first.write_text("THAWED")
    else:
        (folder / "cgroup.freeze").write_text("0")


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""
