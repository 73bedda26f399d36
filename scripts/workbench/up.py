"""`scripts/up`: from a checkout to a running workbench, again and again."""

from __future__ import annotations

import argparse
import os
import signal
import time
from pathlib import Path

from dsw import origins, secret_files
from dsw import settings as dsw_settings
from dsw.secret_files import SecretFiles
from dsw.settings import HubSettings, Settings
from dsw_spawners.origins import check as check_origins
from workbench import (
    certificates,
    down,
    engine,
    images,
    network,
    node,
    ready,
    registry,
    registry_config,
    settings_file,
)
from workbench.arguments import ROOT
from workbench.folders import Folders
from workbench.launch import launch
from workbench.steps import Refused, Step, Steps
from workbench.supervision import Supervisor
from workbench.venv import checkout_lock

HOST = "127.0.0.1"
PORT = 8000


def main(arguments: argparse.Namespace) -> int:
    """Bring everything up; stay when asked to."""
    folders = Folders(arguments.data_dir)
    folders.make()
    steps = Steps(folders.setup_log, float(os.environ.get("WORKBENCH_STARTED", time.time())))
    with folders.lock():
        settings = prepare(arguments, folders, steps)
        supervisor = launch(settings, folders, steps)
    text = announcement(settings, steps.elapsed)
    if arguments.foreground:
        return stay(supervisor, folders, text)
    print(text)
    return 0


def prepare(arguments: argparse.Namespace, folders: Folders, steps: Steps) -> Settings:
    """All that must be there before the programs start; the settings they start with."""
    with steps.step("Settings") as step:
        settings = configure(arguments, folders, step)
    gateway = ""
    with_docker = settings.engine.kind == "docker"
    if with_docker:
        with steps.step("Container engine") as step:
            engine.ensure(steps, step, folders)
        with steps.step("Network") as step:
            gateway = network.ensure(settings.installation)
            step.result = f"dsw-{settings.installation}, this host is {gateway} on it"
    if registry.is_ours(settings):
        with steps.step("Registry") as step:
            registry.install(steps, step)
    with checkout_lock():
        node.ensure(steps)
        if with_docker:
            with steps.step("Images") as step:
                images.ensure(steps, step, settings.images.ca_file, ["base", "agent"])
    settings = _with_private_host(settings, folders, gateway)
    if registry.is_ours(settings):
        registry_config.configure(settings)
    return settings


def configure(arguments: argparse.Namespace, folders: Folders, step: Step) -> Settings:
    """The settings: the file made once, the flags written into it, all of it checked."""
    path = folders.settings
    ca_file = str(arguments.ca_file or "")
    step.result = str(_short(path))
    if not path.exists():
        settings_file.create(
            path,
            host=arguments.host or HOST,
            port=arguments.port or PORT,
            engine=arguments.engine or "docker",
            ca_file=ca_file or certificates.extra(os.environ),
        )
        step.result += ", made"
    else:
        dsw_settings.load(path)
        for section, key, value in (
            ("hub", "host", arguments.host),
            ("hub", "port", arguments.port),
            ("engine", "kind", arguments.engine),
            ("images", "ca_file", ca_file),
        ):
            if value:
                settings_file.set_value(path, section, key, value)
    settings = dsw_settings.load(path)
    if settings.data.resolve() != folders.data.resolve():
        raise Refused(
            f"{path} says data_dir = {settings.data_dir!r}, but it lies in {folders.data}. "
            "Correct data_dir in it, or call with --data-dir and that directory."
        )
    if arguments.registry:
        registry.add_to(path, settings)
        settings = dsw_settings.load(path)
    check_origins(settings)
    return settings


def _with_private_host(settings: Settings, folders: Folders, gateway: str) -> Settings:
    # What the operator wrote stays, unless this machine has no such address (any more).
    current = settings.hub.private_host
    if (current or not gateway) and network.is_local(settings.private_host):
        return settings
    settings_file.set_value(folders.settings, "hub", "private_host", gateway)
    return dsw_settings.load(folders.settings)


def announcement(settings: Settings, elapsed: float) -> str:
    """What people need to log in. Printed to the caller only, written to no log."""
    hub = settings.hub
    address = origins.public_url(hub) or ready.address(settings) + hub.base_url
    secrets = SecretFiles(settings.data)
    admin = hub.admins[0] if hub.admins else ""
    lines = ["", f"The workbench runs at {address}  (after {elapsed:.1f} s)"]
    own = hub.traits.get("JupyterHub", {}).get("authenticator_class")
    if admin and not own:
        lines += [
            f"  user      {admin}",
            f"  password  {secrets.make_password(secret_files.ADMIN)}",
            f"            (as generated; kept in {_short(secrets.path(secret_files.ADMIN))})",
        ]
    lines.append(_origins(hub))
    if gateway := settings.gateway_address("127.0.0.1"):
        host, _, port = gateway.rpartition(":")
        lines.append(f"SSH to instances goes by {host}, port {port}.")
    if registry.is_ours(settings):
        lines.append(f"Saved images are kept in the registry at {settings.registry.address}.")
    if settings.engine.kind == "process":
        lines.append("Instances are local processes here: no isolation, no images, no snapshots.")
    return "\n".join([*lines, "Stop it with scripts/down.", ""])


def _origins(hub: HubSettings) -> str:
    if hub.subdomain_host:
        return f"Each user has an origin of their own, such as {origins.user_origin(hub, 'alice')}."
    return (
        "All users share one origin: an instance can act in the name of whoever opens it. "
        "hub.subdomain_host gives each an own one."
    )


def stay(supervisor: Supervisor, folders: Folders, text: str) -> int:
    """Print the text and wait for the supervisor's end; Ctrl-C and SIGTERM stop everything."""
    process = supervisor.process
    # Also where the caller's shell made both ignored, as it does for a job in the background.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        print(text, flush=True)
        while process is not None and process.runs:
            time.sleep(0.5)
    except KeyboardInterrupt:
        # Nothing is printed before all is stopped: the terminal may be gone.
        with folders.lock():
            done = down.stop(folders)
        print(f"\n{done}")
        return 0
    print("The workbench was stopped.")
    return 0


def _short(path: Path) -> Path:
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
