"""Secrets of one installation: files of mode 0600 under `data_dir/secrets`, made once."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from dsw.errors import ConfigError

CONTROL = "control-token"
"""Control's token at the hub."""
SPAWNER = "spawner-token"
"""The hub's token at control's internal routes."""
GATEWAY = "gateway-token"
"""The SSH gateway's token at control's routes for it."""
GATEWAY_KEY = "gateway-host-key"
"""The SSH gateway's host key (OpenSSH's format); its public half is beside it, with `.pub`."""
PROXY = "proxy-token"
"""What hub and proxy share."""
COOKIE = "cookie-secret"
"""The hub's cookie signing key, hex."""
SESSION = "session-secret"
"""Control's cookie signing key."""
ADMIN = "admin-password"
"""The generated password of the first administrator."""
REGISTRY = "registry"
"""The registry's password; written by the operator, never made here."""
REGISTRY_KEY = "registry-key"
"""What control signs tokens for its own registry with (PEM)."""
REGISTRY_CERTIFICATE = "registry-certificate"
"""The certificate of that key, which the registry trusts (PEM)."""
VAULT = "vault-key"
"""Keys of the stored credentials, one a line, hex: the first encrypts, all decrypt."""


class SecretFiles:
    """Reads secrets, and makes those that do not exist yet."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "secrets"

    def path(self, name: str) -> Path:
        """The file of this secret."""
        return self._folder / name

    def get(self, name: str) -> str:
        """The secret; made from 32 random bytes when there is none yet."""
        return self.kept(name, lambda: secrets.token_hex(32))

    def kept(self, name: str, make: Callable[[], str]) -> str:
        """The secret; what `make` gives when there is none yet."""
        path = self.path(name)
        if not path.exists():
            self._make(path, make())
        return self.read(name)

    def read(self, name: str) -> str:
        """The secret; `ConfigError` when there is none or others may read it."""
        path = self.path(name)
        try:
            mode = path.stat().st_mode & 0o777
            text = path.read_text().strip()
        except OSError as error:
            raise ConfigError(f"The secret {path} cannot be read: {error.strerror}.") from error
        if mode & 0o077:
            raise ConfigError(f"{path} can be read by others.", f"Run: chmod 600 {path}")
        return text

    def make_password(self, name: str) -> str:
        """As `get`, but short enough to type: 20 characters, 100 random bits."""
        path = self.path(name)
        if not path.exists():
            alphabet = "abcdefghijkmnopqrstuvwxyz23456789"
            self._make(path, "".join(secrets.choice(alphabet) for _ in range(20)))
        return self.read(name)

    def _make(self, path: Path, value: str) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Two processes may start at once: written aside, then linked, the first one wins.
        aside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        aside.touch(mode=0o600)
        aside.write_text(value + "\n")
        try:
            os.link(aside, path)
        except FileExistsError:
            pass
        finally:
            aside.unlink()
