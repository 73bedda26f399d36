"""Starts what does not run, restarts what is not as it should be, and waits until it answers."""

from __future__ import annotations

import json
import os
import time

from dsw import secret_files
from dsw.secret_files import SecretFiles
from dsw.settings import Settings
from workbench import programs, ready
from workbench.folders import Folders
from workbench.settings_file import is_free
from workbench.steps import Refused, Step, Steps
from workbench.supervision import TRIED, UP, Supervisor

CRASH_PATIENCE = 15.0


def launch(settings: Settings, folders: Folders, steps: Steps) -> Supervisor:
    """Leave a workbench that answers. One that this call started and that does not is stopped."""
    supervisor = Supervisor(folders)
    was_up = False
    try:
        with steps.step("Programs") as step:
            was_up = start(supervisor, settings, folders, step)
        with steps.step("Answers") as step:
            ready.wait(settings, supervisor, folders, step)
            step.result = "hub and control answer through the proxy"
            if settings.ssh.gateway_port:
                step.result += ", the SSH gateway at its port"
    except BaseException:
        if not was_up:
            supervisor.stop()
        raise
    return supervisor


def start(supervisor: Supervisor, settings: Settings, folders: Folders, step: Step) -> bool:
    """Bring each program to its present form; whether the supervisor ran already."""
    SecretFiles(settings.data).make_password(secret_files.ADMIN)
    names = programs.wanted(settings)
    wanted = {name: programs.fingerprint(name, settings, os.environ) for name in names}
    reconfigured = supervisor.configure(programs.NAMES)
    if reconfigured:
        supervisor.stop()
    was_up = supervisor.process is not None
    patience = CRASH_PATIENCE if supervisor.crashed else 0.0
    done = folders.read_state() if was_up else {}
    states = (
        {name: status.state for name, status in supervisor.statuses().items()} if was_up else {}
    )
    changed = [name for name in names if done.get(name) != wanted[name]]
    stale = [name for name in names if name in changed or states[name] not in UP]
    over = [name for name in programs.NAMES if name not in names and states.get(name) in TRIED]
    for name in (*stale, *over):
        if states.get(name) in TRIED:
            step.show(f"stopping {name}")
            supervisor.halt(name)
    if not stale:
        step.result = f"stopped {', '.join(over)}" if over else "all run as they should"
        return True
    for name in stale:
        check_ports(name, settings, patience)
    write_environment(folders)
    if not was_up:
        supervisor.start()
    for name in stale:
        supervisor.launch(name)
    note = {"installation": settings.installation, "engine": settings.engine.kind, **wanted}
    folders.state.write_text(json.dumps(note))
    step.result = f"{'restarted' if was_up else 'started'} {', '.join(stale)}"
    return was_up


def write_environment(folders: Folders) -> None:
    """Keep the caller's variables for the programs, readable to the owner alone."""
    folders.environment.touch(mode=0o600)
    folders.environment.write_text(json.dumps(programs.passed_on(os.environ)))


def _place(address: str) -> tuple[str, int]:
    host, _, port = address.partition(":")
    return host, int(port or 80)


def check_ports(name: str, settings: Settings, patience: float) -> None:
    """`Refused` when another program listens where this one will."""
    hub = settings.hub
    places = {
        "proxy": [("hub.port", hub.host, hub.port), ("hub.proxy_api_port", "", hub.proxy_api_port)],
        "hub": [("hub.api_port", settings.private_host, hub.api_port)],
        "control": [("control.port", settings.private_host, settings.control.port)],
        "registry": [("registry.address", *_place(settings.registry.address))],
        "gateway": [
            ("ssh.gateway_port", settings.ssh.gateway_host or hub.host, settings.ssh.gateway_port)
        ],
    }
    deadline = time.monotonic() + patience
    for key, host, port in places[name]:
        while not is_free(host or "127.0.0.1", port):
            if time.monotonic() < deadline:
                time.sleep(0.1)
                continue
            advice = "scripts/up --port with a free one"
            if key != "hub.port":
                advice = f"a free one as {key} in {settings.data / 'dsw.toml'}"
            raise Refused(
                f"Another program listens on port {port} of {host or '127.0.0.1'}, which is "
                f"{key} here. Stop that program, or choose another port: {advice}."
            )
