"""`scripts/test`: everything that the tests need on a fresh machine, then all of them."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
from docker.errors import DockerException

from workbench import apt, certificates, check, engine, images, node, unsteady
from workbench.arguments import DEFAULT_DATA, ROOT
from workbench.folders import Folders
from workbench.network import LABEL
from workbench.processes import Process
from workbench.steps import Refused, Step, Steps
from workbench.venv import checkout_lock

PROGRAMS = {
    "chromium": "chromium",
    "docker-registry": "docker-registry",
    "git": "git",
    "mkfs.xfs": "xfsprogs",
    "mmdebstrap": "mmdebstrap",
    "nginx": "nginx-light",
    "rsync": "rsync",
    "ssh": "openssh-client",
    "sshd": "openssh-server",
}
"""What tests call, and the package that has it."""

SMALL_KERNEL = ("linux.uml", "user-mode-linux")
"""A kernel with file system quotas, which this machine's may lack; Debian has it for amd64."""

FILES = {"postgresql": "postgresql/*/bin/postgres", "libatomic1": "*/libatomic.so.1"}
"""Packages whose files are not commands, with one such file; Playwright's Node needs libatomic."""

SIDE_BY_SIDE = ["-n", "auto", "-m", "not docker and not e2e"]
IN_LANES = ["-n", "2", "--dist", "loadscope", "-m", "(docker or e2e) and not alone"]
"""Those that need the engine; what shares a workbench or images stays in one process."""

ALONE = ["-m", "alone"]
"""Those that measure, or that restart what others need."""


def main(arguments: argparse.Namespace) -> int:
    """Run the checks, the JavaScript tests and pytest; with arguments, pytest alone."""
    folders = Folders(DEFAULT_DATA / "test")
    folders.make()
    steps = Steps(folders.setup_log, float(os.environ.get("WORKBENCH_STARTED", "0")) or None)
    chosen: list[str] = arguments.pytest
    with folders.lock(), prepared(folders, steps) as selection:
        failed = 0 if chosen else check.run([*check.checks(), *javascript_tests()])
        if failed:
            sys.stderr.write("The tests run nevertheless; the command fails at its end.\n")
        runs = [[*selection, *chosen]] if chosen or selection else [SIDE_BY_SIDE, IN_LANES, ALONE]
        environ = environment(folders)
        codes = [unsteady.run(run, ROOT, environ) for run in runs]
    return max(*codes, failed)


def environment(folders: Folders) -> dict[str, str]:
    """The caller's, less what only this command's own Python needs. Tests may restart an engine
    that was started for them, or that of a machine made for one run."""
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    disposable = bool(os.environ.get("CI")) and not engine.SYSTEMD.exists()
    if Process.read(folders.engine_process) or disposable:
        environ["DSW_TEST_RESTART_ENGINE"] = "1"
    return environ


@contextmanager
def prepared(folders: Folders, steps: Steps) -> Iterator[list[str]]:
    """The machine with all that tests need; gives the arguments that pytest needs beside."""
    with checkout_lock():
        node.ensure(steps)
    with steps.step("Test programs") as step:
        ensure_programs(steps, step)
    try:
        yield ensure_engine(folders, steps)
    finally:
        if engine.adopt_restarted(folders):
            remove_leftovers()
        engine.stop(folders)


def remove_leftovers() -> None:
    """What tests that broke off left in an engine that was started for them alone."""
    client = docker.from_env(timeout=60)
    try:
        for container in client.containers.list(all=True, filters={"label": LABEL}):
            container.remove(force=True)
        for network in client.networks.list(filters={"label": LABEL}):
            network.remove()
    except DockerException as error:
        sys.stderr.write(f"Leftovers of tests stay in the engine: {error}\n")
    finally:
        client.close()


def ensure_programs(steps: Steps, step: Step) -> None:
    """Install what tests call; its services are not started."""
    programs = dict(PROGRAMS)
    if platform.machine() == "x86_64" and platform.freedesktop_os_release()["ID"] == "debian":
        programs |= [SMALL_KERNEL]
    missing = sorted(package for name, package in programs.items() if not shutil.which(name))
    missing += [
        package for package, files in FILES.items() if not list(Path("/usr/lib").glob(files))
    ]
    if missing:
        why = f"Tests need {', '.join(missing)}."
        apt.install(steps, step, missing, why, start_services=False)
    step.result = f"installed {', '.join(missing)}" if missing else "all here"


def javascript_tests() -> list[check.Check]:
    """The unit tests of the JavaScript parts."""
    return [
        check.Check(f"Tests {folder.name}", ["npm", "test"], folder) for folder in check.JAVASCRIPT
    ]


def ensure_engine(folders: Folders, steps: Steps) -> list[str]:
    """The engine and the images. Without one, the tests that need none; refused in CI."""
    try:
        with steps.step("Container engine") as step:
            engine.ensure(steps, step, folders)
    except Refused as refusal:
        if os.environ.get("CI"):
            raise
        print(f"{refusal}\nTests that need a container engine are left out.")
        return SIDE_BY_SIDE
    with steps.step("Images") as step, checkout_lock():
        images.ensure(steps, step, certificates.extra(os.environ), ["base", "minimal", "agent"])
    return []
