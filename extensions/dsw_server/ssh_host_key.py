"""The key by which SSH clients know an instance: made at its first start, kept in the home.

The home is on the owner's storage and is shared by all their instances, so each has a folder of its
own there, `~/.dsw/ssh/<instance id>/`. No part of a home is ever in an image.
"""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

NAME = "host_key"


@dataclass(frozen=True)
class HostKey:
    """`private` is the file as sshd reads it, `public` a line without a comment."""

    private: bytes = field(repr=False)
    public: str


def host_key(kept: Path, aside: Path, keygen: str) -> HostKey:
    """The key in the folder `kept`, made there when there is none or what is there is damaged.

    `aside` is a private folder for working in; `keygen` the program. `OSError` when the key can be
    neither read nor kept, `subprocess.SubprocessError` when the program fails.
    """
    file = aside / NAME
    with suppress(FileNotFoundError):
        private = (kept / NAME).read_bytes()
        write_private(file, private)
        with suppress(subprocess.CalledProcessError):
            return HostKey(private, _public(file, keygen))
        file.unlink()
    _run(keygen, "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(file))
    made = HostKey(file.read_bytes(), _public(file, keygen))
    _keep(kept, made.private)
    return made


def write_private(file: Path, content: bytes) -> None:
    """A new file that nobody else may read."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())


def _public(file: Path, keygen: str) -> str:
    return " ".join(_run(keygen, "-y", "-P", "", "-f", str(file)).split()[:2])


def _run(*command: str) -> str:
    # No input: it would ask whether to overwrite, or for a passphrase.
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, timeout=30
    )
    return done.stdout


def _keep(folder: Path, private: bytes) -> None:
    for each in (folder.parent, folder):
        each.mkdir(mode=0o700, parents=True, exist_ok=True)
        each.chmod(0o700)
    # Complete or absent, never half: without its key a host looks like another one.
    aside = folder / f".{NAME}.{os.getpid()}"
    aside.unlink(missing_ok=True)
    write_private(aside, private)
    aside.replace(folder / NAME)
