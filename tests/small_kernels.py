"""A kernel with project quotas, whatever this machine's has, for tests that need one.

User-mode Linux is a kernel that runs as a process with this machine's files as its root, read-only;
it has two disks of its own. Debian builds it with quotas.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

MIB = 1024**2
PROGRAM = "linux.uml"
FINIT_MODULE = 313
POWER_OFF = 0x4321FEDC

DISKS = {"ext4": ("ubda", 64 * MIB), "xfs": ("ubdb", 320 * MIB)}
"""Kinds of file systems with project quotas; the devices that are for them, and their sizes."""

MAKE = {"ext4": ["-O", "quota,project"], "xfs": ["-f"]}

INIT = """#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root PYTHONDONTWRITEBYTECODE=1
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
cd {folder}
{python} -m tests.small_kernels load
{python} -m pytest -p no:cacheprovider --color=no --basetemp=/run/pytest {arguments}
{python} -m tests.small_kernels off
"""


def run_pytest(arguments: Sequence[str], folder: Path) -> str:
    """Run pytest with these arguments in such a kernel; what it printed."""
    if not shutil.which(PROGRAM):
        pytest.skip("needs user-mode-linux, which Debian has for amd64")
    script = folder / "init"
    words = {"folder": os.getcwd(), "python": sys.executable, "arguments": " ".join(arguments)}
    script.write_text(INIT.format(**words))
    script.chmod(0o755)
    kernel = [PROGRAM, "mem=512M", "rootfstype=hostfs", "rootflags=/", "ro", f"init={script}"]
    kernel += ["quiet", "con=null", "con0=null,fd:1"]
    for device, size in DISKS.values():
        with (folder / device).open("wb") as file:
            file.truncate(size)
        kernel.append(f"{device}={folder / device}")
    # Programs in it are processes of this machine: they end with the group.
    running = subprocess.Popen(
        kernel,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with running:
        try:
            printed, _ = running.communicate()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)
    return printed


@contextmanager
def an_empty_disk(kind: str, options: str = "prjquota") -> Iterator[Path]:
    """Inside it: a new file system of this kind, mounted where every user comes to."""
    top = Path("/run/disk")
    device = f"/dev/{DISKS[kind][0]}"
    subprocess.run([f"mkfs.{kind}", "-q", *MAKE[kind], device], check=True)
    top.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", kind, "-o", options, device, top], check=True)
    try:
        yield top
    finally:
        subprocess.run(["umount", top], check=True)


def _load() -> None:
    """The quota formats, which Debian has as modules."""
    libc = ctypes.CDLL(None, use_errno=True)
    modules = Path("/usr/lib/uml/modules") / os.uname().release / "kernel/fs/quota"
    for name in ("quota_tree.ko", "quota_v2.ko"):
        with (modules / name).open("rb") as module:
            if libc.syscall(FINIT_MODULE, module.fileno(), b"", 0):
                raise OSError(ctypes.get_errno(), name)


def _off() -> None:
    os.sync()
    ctypes.CDLL(None).reboot(POWER_OFF)


if __name__ == "__main__":
    {"load": _load, "off": _off}[sys.argv[1]]()
