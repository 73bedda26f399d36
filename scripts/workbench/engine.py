"""The container engine: which one answers, how to install it, how its daemon starts and ends."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import docker
from docker.errors import DockerException

from workbench import apt
from workbench.folders import Folders
from workbench.processes import Process
from workbench.steps import Refused, Step, Steps

OFFER = "Without a container engine: scripts/up --engine process (no isolation, no images)."
ANY_VERSION = "1.41"
START_DEADLINE = 60.0
SOCKET = Path("/var/run/docker.sock")
PID_FILE = Path("/var/run/docker.pid")
CONTAINERD_PID_FILE = Path("/var/run/docker/containerd/containerd.pid")
SYSTEMD = Path("/run/systemd/system")
LAST_WORDS = re.compile(r"(?:failed to start daemon: |level=(?:fatal|error) msg=)(.+)")


def answers() -> str:
    """The version of the engine that answers at DOCKER_HOST or the default socket; else empty."""
    if not _listens():
        return ""
    # With a version given nothing is negotiated, and the client can be closed whatever happens.
    client = docker.from_env(version=ANY_VERSION, timeout=20)
    try:
        return str(client.api.version(api_version=False)["Version"])
    except (DockerException, OSError):
        return ""
    finally:
        client.close()


def _listens() -> bool:
    host = os.environ.get("DOCKER_HOST") or f"unix://{SOCKET}"
    if not host.startswith("unix://"):
        return True
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(host.removeprefix("unix://"))
        except OSError:
            return False
    return True


def ensure(steps: Steps, step: Step, folders: Folders) -> None:
    """An engine that answers: installed and started where this process may; else `Refused`."""
    version = answers()
    if version:
        step.result = f"Docker {version}"
        return
    _refuse_foreign()
    installed = shutil.which("dockerd") is not None
    if not installed:
        apt.install(steps, step, ["docker.io"], f"No container engine answers. {OFFER}")
    if os.geteuid() != 0:
        raise Refused(f"Docker is installed and does not run. Start it as root. {OFFER}")
    if SYSTEMD.exists():
        steps.run(step, ["systemctl", "start", "docker"])
        folders.engine_process.write_text(json.dumps({"unit": "docker"}))
        version = _wait(None, folders.logs / "dockerd.log")
    else:
        _mount_cgroups(steps, step)
        forget_dead_daemons()
        version = start(["dockerd"], folders)
    step.result = f"Docker {version}, {'started' if installed else 'installed and started'}"


def _mount_cgroups(steps: Steps, step: Step) -> None:
    # Without an init system nobody has; the distribution's package recommends this program.
    kinds = {line.split()[2] for line in Path("/proc/mounts").read_text().splitlines()}
    if not kinds & {"cgroup", "cgroup2"} and shutil.which("cgroupfs-mount"):
        steps.run(step, ["cgroupfs-mount"])


def forget_dead_daemons(files: Sequence[Path] = (PID_FILE, CONTAINERD_PID_FILE)) -> None:
    """Remove pid files that a killed daemon left, when the number is some other program's by now:
    a new daemon would take that one for its predecessor and not start."""
    for file in files:
        try:
            name = Path(f"/proc/{int(file.read_text())}/comm").read_text().strip()
        except (OSError, ValueError):
            name = ""
        if name not in ("dockerd", "containerd"):
            file.unlink(missing_ok=True)


def _refuse_foreign() -> None:
    host = os.environ.get("DOCKER_HOST", "")
    if host:
        raise Refused(f"No container engine answers at DOCKER_HOST={host}. {OFFER}")
    if SOCKET.exists() and not os.access(SOCKET, os.W_OK):
        raise Refused(
            f"This user may not use the engine at {SOCKET}: an administrator adds the user to the "
            f"group docker, and the user logs in again. {OFFER}"
        )


def start(command: Sequence[str], folders: Folders) -> str:
    """Start a daemon that outlives this command; its version, or `Refused` with its last words."""
    log = folders.logs / "dockerd.log"
    daemon = Process.spawn(command, log)
    daemon.write(folders.engine_process)
    return _wait(daemon, log)


def _wait(daemon: Process | None, log: Path) -> str:
    deadline = time.monotonic() + START_DEADLINE
    while time.monotonic() < deadline:
        if version := answers():
            return version
        if daemon is not None and not daemon.runs:
            break
        time.sleep(0.2)
    reason = last_words(log) if daemon is not None else "it does not answer"
    raise Refused(f"The container engine cannot start here: {reason}. {OFFER}")


def last_words(log: Path) -> str:
    """Why a daemon ended, as its log says it."""
    lines = log.read_text(errors="replace").splitlines()
    for line in reversed(lines):
        if found := LAST_WORDS.search(line):
            return found.group(1).strip("\"' .")
    return lines[-1].strip(" .") if lines else "it said nothing"


def adopt_restarted(folders: Folders) -> bool:
    """Whether a daemon of this installation runs, also when somebody restarted it since."""
    record = folders.engine_process
    if not record.exists() or Process.read(record) or _unit(record):
        return record.exists()
    try:
        process = Process.of(int(PID_FILE.read_text()))
    except (OSError, ValueError):
        return False
    if process is not None:
        process.write(record)
    return process is not None


def stop(folders: Folders) -> str:
    """Stop the daemon if this installation started it and nothing runs in it; what was done."""
    record = folders.engine_process
    process = Process.read(record)
    unit = _unit(record)
    if process is None and not unit:
        record.unlink(missing_ok=True)
        return ""
    if running := _running_containers():
        return f"the engine stays: {running} other containers run in it"
    if unit:
        subprocess.run(["systemctl", "stop", "docker.socket", unit], check=False)
    elif process is not None:
        process.end(30)
    record.unlink(missing_ok=True)
    return "stopped the engine that scripts/up had started"


def _unit(record: Path) -> str:
    try:
        return str(json.loads(record.read_text()).get("unit", ""))
    except (OSError, ValueError):
        return ""


def _running_containers() -> int:
    try:
        client = docker.from_env()
    except DockerException:
        return 0
    try:
        return len(client.containers.list())
    except DockerException:
        return 0
    finally:
        client.close()
