"""What an image's configuration says of it: where it runs, what it can run, what is in it."""

from __future__ import annotations

import re
from typing import Any

from pydantic import Field

from dsw.apps import App, declared
from dsw.base import View
from dsw.images import ImageLabels, ImageUse

LABEL_INSTANCE = "dsw.instance"
CONTRACT = "1"
"""What the label says of an image whose entry point takes an instance's environment from us."""
ENTRY_POINT = "dsw_server.entry"
LABELS = "dsw.label."

_PLATFORM_PART = r"^[a-z0-9._-]{0,30}$"
_SYSTEMS = {
    "almalinux": "AlmaLinux",
    "alpine": "Alpine",
    "debian": "Debian",
    "fedora": "Fedora",
    "rockylinux": "Rocky Linux",
    "ubuntu": "Ubuntu",
}
_BASE = "org.opencontainers.image.base.name"
_REF = "org.opencontainers.image.ref.name"
_VERSION = "org.opencontainers.image.version"


class RunConfig(View):
    """The part that a container is run by, as Docker and OCI write it."""

    entrypoint: list[str] | str | None = Field(default=None, alias="Entrypoint")
    env: list[str] | None = Field(default=None, alias="Env")
    labels: dict[str, str] | None = Field(default=None, alias="Labels")


class ImageConfig(View):
    """The parts of a configuration that the catalog needs."""

    os: str = Field(pattern=_PLATFORM_PART)
    architecture: str = Field(pattern=_PLATFORM_PART)
    config: RunConfig | None = None

    @property
    def platform(self) -> str:
        """`os/architecture`, in the words of Go."""
        return f"{self.os}/{self.architecture}"

    @property
    def use(self) -> ImageUse:
        """Instances need our entry point, not only the label: an image on top of one of ours
        inherits the label and may have another entry point. Anything can run as a job."""
        run = self.config or RunConfig()
        entry = run.entrypoint or []
        words = entry.split() if isinstance(entry, str) else entry
        ours = (run.labels or {}).get(LABEL_INSTANCE) == CONTRACT and ENTRY_POINT in words
        return ImageUse.INSTANCE if ours else ImageUse.JOB

    @property
    def contents(self) -> ImageLabels:
        """What is in it by its labels `dsw.label.*`, else by what images of others often set."""
        run = self.config or RunConfig()
        labels = run.labels or {}
        env = dict(line.partition("=")[::2] for line in run.env or [])
        pytorch = env.get("PYTORCH_VERSION", "")
        guessed = {
            "framework": f"PyTorch {pytorch}" if pytorch else "",
            "python": env.get("PYTHON_VERSION", ""),
            "cuda": env.get("CUDA_VERSION", ""),
            "os": _system(labels),
        }
        said = {key: labels.get(f"{LABELS}{key}", "") or guess for key, guess in guessed.items()}
        return ImageLabels(**{key: _clean(text) for key, text in said.items()})

    @property
    def apps(self) -> list[App]:
        """The apps that its labels declare well."""
        return declared((self.config or RunConfig()).labels or {})[0]

    @property
    def wrong_apps(self) -> str:
        """A sentence on the labels that declare no app; empty when all do."""
        return declared((self.config or RunConfig()).labels or {})[1]


def read_config(os: object, architecture: object, config: Any) -> ImageConfig:
    """The configuration as an engine shows it; `ValueError` when it is not one."""
    return ImageConfig.model_validate({"os": os, "architecture": architecture, "config": config})


def _system(labels: dict[str, str]) -> str:
    """The distribution, where a label names the base image or what Ubuntu's own images say."""
    name, _, version = labels.get(_BASE, "").rpartition("/")[2].partition(":")
    if name in _SYSTEMS:
        return f"{_SYSTEMS[name]} {version.partition('@')[0]}"
    version = labels.get(_VERSION, "")
    # Images on top of Ubuntu's inherit the name, and often put their own version beside it.
    if labels.get(_REF) == "ubuntu" and re.fullmatch(r"\d\d\.\d\d", version):
        return f"Ubuntu {version}"
    return ""


def _clean(text: str) -> str:
    return "".join(character for character in text if character.isprintable())[:60].strip()
