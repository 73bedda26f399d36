"""A registry beside the workbench: Debian's docker-registry on loopback, which trusts control."""

from __future__ import annotations

import shutil
from pathlib import Path

from dsw import secret_files
from dsw.secret_files import SecretFiles
from dsw.settings import Settings
from workbench import apt
from workbench.settings_file import free_port, set_value
from workbench.steps import Refused, Step, Steps

PROGRAM = "docker-registry"
PORT = 5000
USER = "workbench"
HTTP_SECRET = "registry-http-secret"


def install(steps: Steps, step: Step) -> None:
    """Have the program; `Refused` where it is not there and cannot be installed."""
    if shutil.which(PROGRAM) is None:
        why = "The registry is not installed."
        apt.install(steps, step, [PROGRAM], why, start_services=False)
    step.result = PROGRAM


def add_to(path: Path, settings: Settings) -> None:
    """Name it in `dsw.toml`, unless that names it already."""
    if settings.engine.kind != "docker":
        raise Refused("Without a container engine there are no images: leave out --registry.")
    if settings.registry.address and not is_ours(settings):
        raise Refused(
            f"{path} names the registry {settings.registry.address} already. "
            "Remove its section [registry] to have one beside the workbench."
        )
    if settings.registry.address:
        return
    SecretFiles(settings.data).make_password(secret_files.REGISTRY)
    config_file(settings).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for key, value in (
        ("auth", "token"),
        ("username", USER),
        ("insecure", True),
        ("address", f"127.0.0.1:{free_port(PORT)}"),
    ):
        set_value(path, "registry", key, value)


def is_ours(settings: Settings) -> bool:
    """Whether the registry of the settings is the one beside the workbench."""
    own = settings.registry
    beside = own.address.partition(":")[0] == "127.0.0.1" and own.auth == "token"
    return beside and config_file(settings).parent.is_dir()


def config_file(settings: Settings) -> Path:
    """Its configuration; what it stores is beside it."""
    return settings.data / "registry" / "config.yml"
