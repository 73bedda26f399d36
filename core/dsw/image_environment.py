"""What the environment of an image may not say, because programs of the host read it too.

An engine's hooks, such as those that give GPUs to a container, run on the host, and some get the
variables that the image brings. A line is `NAME=value`, as Docker and OCI write it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable

VISIBLE_DEVICES = "NVIDIA_VISIBLE_DEVICES"
NO_DEVICES = "void"
"""Its value with which NVIDIA's runtime gives no device and does nothing at all."""

DEVICE_VARIABLES = (
    VISIBLE_DEVICES,
    "AMD_VISIBLE_DEVICES",
    "ASCEND_VISIBLE_DEVICES",
    "HABANA_VISIBLE_DEVICES",
    "MTHREADS_VISIBLE_DEVICES",
)
"""By these, runtimes give devices to whoever names them."""
LOADED_CODE = ("LD_PRELOAD", "LD_AUDIT", "GCONV_PATH")
"""By these, a program of the host would run code of the image."""

_LIBRARY_PATHS = ("LD_LIBRARY_PATH", "LD_RUN_PATH")
_KEPT_OF_NVIDIA = re.compile(
    r"NVIDIA_(?:DRIVER_CAPABILITIES|PRODUCT_NAME|REQUIRE_\w+|BUILD_\w+|\w+_VERSION)\Z"
)
_OF_THE_PROCESS = ("proc", "sys", "dev")


def refused(lines: Iterable[str]) -> list[str]:
    """Names of the variables that no saved image may have: they change what a program loads or
    writes while it starts. All of the loader's own are among them but the paths of libraries."""
    names = {_name(line) for line in lines}
    return sorted(
        name
        for name in names
        if name in LOADED_CODE or (name.startswith("LD_") and name not in _LIBRARY_PATHS)
    )


def cleaned(lines: Iterable[str]) -> list[str]:
    """The lines without those that name devices, and without folders of library paths that are
    another folder to each program: an empty or relative one, and those below `/proc`."""
    kept = []
    for line in lines:
        name, _, value = line.partition("=")
        if name in _LIBRARY_PATHS:
            if folders := [folder for folder in value.split(":") if _is_fixed(folder)]:
                kept.append(f"{name}={':'.join(folders)}")
        elif not _names_devices(name):
            kept.append(line)
    return kept


def _name(line: str) -> str:
    return line.partition("=")[0].strip()


def _names_devices(name: str) -> bool:
    mine = name.startswith("NVIDIA_") and not _KEPT_OF_NVIDIA.match(name)
    return mine or name.endswith("_VISIBLE_DEVICES")


def _is_fixed(folder: str) -> bool:
    first = posixpath.normpath(folder).lstrip("/").partition("/")[0]
    return folder.startswith("/") and "$" not in folder and first not in _OF_THE_PROCESS
