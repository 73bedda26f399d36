"""The programs of a workbench: how each is called, and what it must be restarted for."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from dsw import secret_files
from dsw import settings as dsw_settings
from dsw.secret_files import SecretFiles
from dsw.settings import Settings
from workbench import registry
from workbench.arguments import ROOT
from workbench.folders import Folders
from workbench.node import PROXY, PROXY_PROGRAM
from workbench.processes import Process
from workbench.venv import STAMP, VENV

NAMES = ("registry", "proxy", "control", "hub", "gateway")
PASSED_ON = ("DSW_", "DOCKER_")
CLIENTS_OWN = frozenset({"DSW_URL", "DSW_TOKEN"})
"""What the `dsw` command reads; a token has no business in the environment of a service."""
PR_SET_PDEATHSIG = 1

SOURCES = {
    "proxy": (),
    "control": ("core/dsw", "services/dsw_control"),
    "hub": ("core/dsw", "spawners/dsw_spawners", "jupyterhub_config.py"),
    "gateway": ("core/dsw", "services/dsw_gateway"),
}
OF_THE_GATEWAY = {"data_dir", "hub", "control", "engine", "ssh"}
"""The settings that it reads; no other change ends people's connections."""


def wanted(settings: Settings) -> tuple[str, ...]:
    """Those that are to run: the gateway where it has a port, the registry where it is ours."""
    left_out = set() if settings.ssh.gateway_port else {"gateway"}
    left_out |= set() if registry.is_ours(settings) else {"registry"}
    return tuple(name for name in NAMES if name not in left_out)


def command(name: str, settings: Settings) -> list[str]:
    """The program and its arguments; no secret is among them."""
    hub = settings.hub
    if name == "hub":
        config = str(ROOT / "jupyterhub_config.py")
        return [str(VENV / "bin/python"), "-m", "jupyterhub", "--config", config]
    if name == "registry":
        return [registry.PROGRAM, "serve", str(registry.config_file(settings))]
    if name in ("control", "gateway"):
        return [str(VENV / f"bin/dsw-{name}")]
    target = f"http://{settings.private_host}:{hub.api_port}"
    options: dict[str, str | int] = {
        "ip": hub.host,
        "port": hub.port,
        "api-ip": "127.0.0.1",
        "api-port": hub.proxy_api_port,
        # With host routing the hub takes its own host alone, as soon as it is there.
        "default-target": f"{settings.control_url}/elsewhere" if hub.subdomain_host else target,
        "error-target": f"{target}{hub.base_url}hub/error",
    }
    node = shutil.which("node") or "node"
    flags = ["--host-routing"] if hub.subdomain_host else []
    flags += [f"--{key}={value}" for key, value in options.items()]
    return [node, str(PROXY_PROGRAM), *flags]


def secrets_of(name: str, settings: Settings) -> dict[str, str]:
    """What a program can only be told by its environment; the others read the files."""
    if name != "proxy":
        return {}
    return {"CONFIGPROXY_AUTH_TOKEN": SecretFiles(settings.data).get(secret_files.PROXY)}


def fingerprint(name: str, settings: Settings, environ: Mapping[str, str]) -> str:
    """Changes when the program must be restarted to be what it should be."""
    digest = hashlib.sha256(json.dumps(command(name, settings)).encode())
    if name == "registry":
        digest.update(registry.config_file(settings).read_bytes())
        return digest.hexdigest()
    if name == "proxy":
        digest.update((PROXY / "installed").read_bytes())
        return digest.hexdigest()
    read = OF_THE_GATEWAY if name == "gateway" else None
    digest.update(settings.model_dump_json(include=read).encode())
    digest.update(json.dumps(passed_on(environ), sort_keys=True).encode())
    digest.update(STAMP.read_bytes() if STAMP.exists() else b"")
    for source in SOURCES[name]:
        path = ROOT / source
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(str(file.relative_to(ROOT)).encode() + file.read_bytes())
    return digest.hexdigest()


def passed_on(environ: Mapping[str, str]) -> dict[str, str]:
    """The caller's variables that decide how hub and control behave."""
    return {
        key: value
        for key, value in environ.items()
        if key.startswith(PASSED_ON) and key not in CLIENTS_OWN
    }


def run(name: str, data: Path) -> None:
    """Become the program. Called by the supervisor in each program's own process."""
    folders = Folders(data)
    _end_with_supervisor(folders)
    environ = {key: value for key, value in os.environ.items() if not key.startswith(PASSED_ON)}
    environ.update(json.loads(folders.environment.read_text()))
    environ["DSW_CONFIG"] = str(folders.settings)
    environ.pop("PYTHONPATH", None)
    settings = dsw_settings.load(folders.settings, environ)
    environ.update(secrets_of(name, settings))
    line = command(name, settings)
    os.chdir(data)
    os.execvpe(line[0], line, environ)


def _end_with_supervisor(folders: Folders) -> None:
    # A killed supervisor must not leave programs behind that the next one knows nothing of.
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    supervisor = Process.read(folders.supervisor)
    if supervisor is None or supervisor.pid != os.getppid():
        sys.exit("The supervisor is gone.")


if __name__ == "__main__":
    run(sys.argv[1], Path(sys.argv[2]))
