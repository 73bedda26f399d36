"""The CA certificates that instances trust when an extra CA is configured."""

from __future__ import annotations

from pathlib import Path

import certifi

from dsw.errors import ConfigError
from dsw.settings import Settings

BUNDLE = "/etc/dsw/ca-bundle.crt"
"""Where an instance finds the bundle."""


def bundle_path(settings: Settings) -> Path:
    """The bundle on this host, which is mounted read-only into instances."""
    return settings.data / "run" / "ca-bundle.crt"


def write_bundle(settings: Settings) -> None:
    """The public CAs and the operator's own in one file; written at each start of control."""
    if not settings.images.ca_file:
        return
    try:
        extra = Path(settings.images.ca_file).read_bytes()
    except OSError as error:
        raise ConfigError(
            f"images.ca_file: {settings.images.ca_file} cannot be read: {error.strerror}."
        ) from error
    if b"-----BEGIN CERTIFICATE-----" not in extra:
        raise ConfigError(f"images.ca_file: {settings.images.ca_file} holds no PEM certificate.")
    path = bundle_path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written in place: a bind mount follows the inode, not the name.
    path.write_bytes(Path(certifi.where()).read_bytes() + b"\n" + extra)
    path.chmod(0o644)
