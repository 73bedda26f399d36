"""The instances of one installation as the host sees them: labelled containers, marked processes.

Control and hub may be down or broken when these are asked for.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import docker
from docker.errors import DockerException
from docker.models.containers import Container

from workbench.folders import Folders
from workbench.network import LABEL
from workbench.processes import Process

GRACE_SECONDS = 10


def stop_containers(installation: str) -> int:
    """Stop this installation's containers, and keep them; how many ran."""
    client = docker.from_env(timeout=60)
    try:
        running = client.containers.list(filters={"label": f"{LABEL}={installation}"})
        with ThreadPoolExecutor(max_workers=8) as pool:
            return sum(pool.map(_stop, running))
    finally:
        client.close()


def _stop(container: Container) -> bool:
    try:
        container.stop(timeout=GRACE_SECONDS)
    except DockerException as error:
        print(f"The container {container.name} could not be stopped: {error}.")
        return False
    return True


def stop_processes(folders: Folders) -> int:
    """End what runs for instances of the engine `process`; how many instances that were."""
    folder = folders.run / "instances"
    ids = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    found = [(owner, pid) for pid, owner in _marked_processes() if owner in ids]
    processes = [process for _, pid in found if (process := Process.of(pid))]
    with ThreadPoolExecutor(max_workers=max(1, len(processes))) as pool:
        list(pool.map(lambda process: process.end(GRACE_SECONDS), processes))
    return len({owner for owner, _ in found})


def _marked_processes() -> list[tuple[int, str]]:
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            variables = path.read_bytes().split(b"\0")
        except OSError:
            continue
        for variable in variables:
            if variable.startswith(b"DSW_INSTANCE_ID="):
                found.append((int(path.parent.name), variable.partition(b"=")[2].decode()))
    return found
