"""`scripts/down`: ends what `scripts/up` started, by recorded process and by label; data stays."""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ThreadPoolExecutor

import docker
from docker.errors import DockerException
from docker.models.containers import Container

from workbench import engine
from workbench.folders import Folders
from workbench.network import LABEL
from workbench.supervision import Supervisor

GRACE_SECONDS = 10


def main(arguments: argparse.Namespace) -> int:
    """Stop everything, and say what was stopped."""
    folders = Folders(arguments.data_dir)
    if not folders.run.is_dir():
        print(f"Nothing runs for {folders.data}.")
        return 0
    with folders.lock():
        stop(folders, instances=not arguments.keep_instances)
    return 0


def stop(folders: Folders, instances: bool = True) -> None:
    """Programs first, so that nobody starts an instance again; the engine last."""
    begun = time.monotonic()
    done = []
    if Supervisor(folders).stop():
        done.append("stopped proxy, hub and control")
    state = folders.read_state()
    if instances and state.get("engine") == "docker" and engine.answers():
        count = stop_instances(state["installation"])
        if count:
            done.append(f"stopped {count} container{'s' if count > 1 else ''}")
    if said := engine.stop(folders):
        done.append(said)
    text = "; ".join(done) or "nothing ran"
    print(f"{text[0].upper()}{text[1:]} ({time.monotonic() - begun:.1f} s). The data is kept.")


def stop_instances(installation: str) -> int:
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
