"""`scripts/down`: ends what `scripts/up` started, by recorded process and by label; data stays."""

from __future__ import annotations

import argparse
import time

from workbench import engine
from workbench.folders import Folders
from workbench.instances import stop_containers, stop_processes
from workbench.supervision import Supervisor


def main(arguments: argparse.Namespace) -> int:
    """Stop everything, and say what was stopped."""
    folders = Folders(arguments.data_dir)
    if not folders.run.is_dir():
        print(f"Nothing runs for {folders.data}.")
        return 0
    with folders.lock():
        done = stop(folders, instances=not arguments.keep_instances)
    print(done)
    return 0


def stop(folders: Folders, instances: bool = True) -> str:
    """Programs first, so that nobody starts an instance again; the engine last. What was done."""
    begun = time.monotonic()
    done = []
    if Supervisor(folders).stop():
        done.append("stopped proxy, hub and control")
    state = folders.read_state()
    if instances:
        count = stop_processes(folders)
        if state.get("engine") == "docker" and engine.answers():
            count += stop_containers(state["installation"])
        if count:
            done.append(f"stopped {count} instance{'s' if count > 1 else ''}")
    if said := engine.stop(folders):
        done.append(said)
    text = "; ".join(done) or "nothing ran"
    return f"{text[0].upper()}{text[1:]} ({time.monotonic() - begun:.1f} s). The data is kept."
