"""A program that swaps folders, files, pipes and links to the host's files, all the time."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SECRET = b"HOST-SECRET"

_PROGRAM = """
import ctypes, os, sys
libc = ctypes.CDLL(None)
os.chdir(sys.argv[1])
pairs = [
    (b"folder", b"zz-link-to-folder"),
    (b"file", b"zz-link-to-file"),
    (b"folder/below", b"folder/zz-link-below"),
    (b"deep/1/2", b"deep/1/zz-up"),
    (b"plain", b"zz-pipe"),
    (b"other", b"zz-folder"),
]
AT_FDCWD, EXCHANGE = -100, 2
while True:
    for one, other in pairs:
        libc.renameat2(AT_FDCWD, one, AT_FDCWD, other, EXCHANGE)
"""


@contextmanager
def swapping(parent: Path) -> Iterator[Path]:
    """The upper directory in which it works, beside the files of the host; each swap is one step,
    so that there is something behind every name at any time."""
    upper, host = parent / "upper", parent / "host"
    for folder in ("below", "2/3"):
        (host / folder).mkdir(parents=True)
    for name in ("file", "below/file", "2/3/file", "leaf"):
        (host / name).write_bytes(SECRET)
    for folder in ("folder/below", "deep/1/2/3", "zz-folder"):
        (upper / folder).mkdir(parents=True)
    for name in ("folder/file", "folder/below/file", "deep/1/2/3/file", "zz-folder/leaf"):
        (upper / name).write_text("mine")
    for name in ("file", "plain", "other"):
        (upper / name).write_text("mine")
    (upper / "zz-link-to-folder").symlink_to(host)
    (upper / "zz-link-to-file").symlink_to(host / "file")
    (upper / "folder/zz-link-below").symlink_to(host / "below")
    (upper / "deep/1/zz-up").symlink_to(os.path.relpath(host / "2", upper / "deep/1"))
    os.mkfifo(upper / "zz-pipe")
    process = subprocess.Popen([sys.executable, "-c", _PROGRAM, str(upper)])
    try:
        yield upper
    finally:
        process.kill()
        process.wait()
