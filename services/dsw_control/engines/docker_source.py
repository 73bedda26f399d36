"""Where Docker keeps the files of a container, and what stops it for a moment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import docker
from docker.models.containers import Container

from dsw import errors
from dsw.plan import HOME
from dsw_control.engines.base import SnapshotSource
from dsw_control.engines.docker_config import raw_config
from dsw_control.engines.freezer import freezer_of

PROC = Path("/proc")


def source_of(client: docker.DockerClient, box: Container | None) -> SnapshotSource:
    """What a snapshot of this container reads; `Conflict` when there is none to read."""
    if box is None:
        raise errors.Conflict("The instance has no container to save.", "Start it once first.")
    driver = box.attrs["GraphDriver"]
    if driver["Name"] != "overlay2":
        raise errors.Conflict(
            f"The engine stores containers with {driver['Name']}.",
            "Saving as an image needs the overlay2 storage driver.",
        )
    base = box.attrs["Image"]
    return SnapshotSource(
        container=box.id,
        upper=driver["Data"]["UpperDir"],
        lowers=_lowers(driver["Data"]["LowerDir"]),
        home=_home(box.attrs["Mounts"]),
        freezer=str(running_freezer(box.attrs) or ""),
        base=base,
        base_config=raw_config(client, base),
        mounts=[mount["Destination"] for mount in box.attrs["Mounts"]],
    )


def running_freezer(attrs: dict[str, Any]) -> Path | None:
    """The cgroup directory of a container that runs, and that nobody paused."""
    state = attrs["State"]
    if not state["Running"] or state["Paused"]:
        return None
    folder = freezer_of(PROC / str(state["Pid"]) / "cgroup", attrs["Id"])
    return folder if folder is not None and folder.is_dir() else None


def _lowers(text: str) -> list[str]:
    """Without the engine's own layer on top, which holds the mount points of each container."""
    return [path for path in text.split(":") if not path.endswith("-init/diff")]


def _home(mounts: list[dict[str, Any]]) -> str:
    for mount in mounts:
        if mount["Destination"] == HOME:
            if mount["Type"] == "volume":
                return str(mount["Name"])
            return mount["Source"] if Path(mount["Source"]).is_dir() else ""
    return ""
