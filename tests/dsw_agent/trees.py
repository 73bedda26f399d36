"""Layers as directories, with what package managers leave in them."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dsw.agent import AgentRequest, AgentTarget

SITE = "opt/venv/lib/python3.11/site-packages"


def put(root: Path, path: str, content: str | bytes = "") -> Path:
    """A file in a layer, with its folders."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def whiteout(root: Path, path: str) -> None:
    """What overlayfs leaves for a deleted name."""
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    os.mknod(root / path, 0o600 | stat.S_IFCHR, os.makedev(0, 0))


def opaque(root: Path, path: str) -> None:
    """A folder that hides what is below it."""
    (root / path).mkdir(parents=True, exist_ok=True)
    os.setxattr(root / path, "trusted.overlay.opaque", b"y")


def a_wheel(
    root: Path, name: str, version: str, files: Mapping[str, str] = {}, site: str = SITE
) -> str:
    """An installed Python package; its folder `*.dist-info`."""
    folder = f"{site}/{name.replace('-', '_')}-{version}.dist-info"
    put(root, f"{folder}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\n")
    recorded = [*files, f"{folder.rpartition('/')[2]}/METADATA"]
    put(root, f"{folder}/RECORD", "".join(f"{path},sha256=x,1\n" for path in recorded))
    for path, content in files.items():
        put(root, f"{site}/{path}", content)
    return folder


def a_conda_package(root: Path, name: str, version: str, files: Mapping[str, str] = {}) -> None:
    """A package of an environment of conda in `/opt/conda`."""
    about = {"name": name, "version": version, "files": list(files)}
    put(root, f"opt/conda/conda-meta/{name}-{version}-py311_0.json", json.dumps(about))
    for path, content in files.items():
        put(root, f"opt/conda/{path}", content)


def debian_packages(root: Path, versions: Mapping[str, str], gone: str = "removed-1") -> None:
    """Debian's list of packages, one of which was removed and left its settings."""
    stanzas = [
        f"Package: {name}\nStatus: install ok installed\nVersion: {version}\n"
        f"Description: a package\n Version: 9 of nothing\n"
        for name, version in versions.items()
    ]
    stanzas.append(f"Package: {gone}\nStatus: deinstall ok config-files\nVersion: 1\n")
    put(root, "var/lib/dpkg/status", "\n".join(stanzas))


def request_of(upper: Path, *lowers: Path, **changes: Any) -> AgentRequest:
    """A request to save these layers."""
    base = {"rootfs": {"diff_ids": ["sha256:one"]}, "config": {"Env": ["PATH=/opt/venv/bin"]}}
    values: dict[str, Any] = {
        "snapshot_id": "snap-aaaaaaaaaaaa",
        "container": "c0ffee",
        "upper": str(upper),
        "lowers": [str(lower) for lower in lowers],
        "base_image": "sha256:base",
        "base_config": json.dumps(base),
        "mounts": ["/mnt/workspace"],
        "author": "alice",
        "created": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "comment": "a test",
        "target": AgentTarget(kind="engine", tag="dsw-test/x:latest"),
    }
    return AgentRequest.model_validate(values | changes)
