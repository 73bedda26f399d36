"""The gateway's host key: made once, kept, and its public half left for others to read."""

from __future__ import annotations

import os
from pathlib import Path

import asyncssh

from dsw.errors import ConfigError
from dsw.secret_files import GATEWAY_KEY, SecretFiles


def host_key(data_dir: Path) -> asyncssh.SSHKey:
    """The key in `data_dir/secrets`; an Ed25519 one is made when there is none yet.

    `ConfigError` when others may read it, or when it is no private key.
    """
    secrets = SecretFiles(data_dir)
    path = secrets.path(GATEWAY_KEY)
    if not path.exists():
        _write(path, asyncssh.generate_private_key("ssh-ed25519").export_private_key())
    text = secrets.read(GATEWAY_KEY)
    try:
        key = asyncssh.import_private_key(f"{text}\n")
    except asyncssh.KeyImportError as error:
        raise ConfigError(f"{path} is not a private key: {error}.", "Remove it.") from error
    _write(path.with_name(f"{path.name}.pub"), key.export_public_key())
    return key


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.touch(mode=0o600)
    aside.write_bytes(content)
    aside.replace(path)
