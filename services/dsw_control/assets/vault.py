"""How secrets are kept in the database: encrypted with keys that are in a file beside it."""

from __future__ import annotations

import base64
import hmac

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from dsw.errors import ConfigError, Conflict

KEY_BYTES = 32


class Vault:
    """Encrypts with the first key and decrypts with any, so that keys can be replaced."""

    def __init__(self, keys: str) -> None:
        """`keys`: one key of 32 bytes a line, in hex."""
        raw = [_key(line) for line in keys.split()]
        if not raw:
            raise ConfigError("The secret vault-key is empty.", _HOW)
        self._first = raw[0]
        self._keys = [Fernet(base64.urlsafe_b64encode(key)) for key in raw]
        self._all = MultiFernet(self._keys)

    def seal(self, secret: str) -> str:
        """The secret as it may be stored."""
        return self._all.encrypt(secret.encode()).decode()

    def open(self, sealed: str) -> str:
        """The secret; `Conflict` when none of the keys fits."""
        try:
            return self._all.decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise Conflict(
                "A stored credential was encrypted with a key that is not in vault-key any more.",
                "Put that key's line back, or store the credential again.",
            ) from error

    def blind(self, text: str) -> str:
        """A hash that is the same for the same text, and that nobody can try texts against."""
        return hmac.new(self._first, text.encode(), "sha256").hexdigest()

    def renewed(self, sealed: str) -> str | None:
        """The same secret by the first key; None when it is that already, or no key fits."""
        try:
            self._keys[0].decrypt(sealed.encode())
        except InvalidToken:
            try:
                return self._all.rotate(sealed.encode()).decode()
            except InvalidToken:
                return None
        return None


_HOW = "Each line is a key in hex; one can be made with: openssl rand -hex 32"


def _key(line: str) -> bytes:
    try:
        key = bytes.fromhex(line)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise ConfigError("A line of the secret vault-key is not a key.", _HOW)
    return key
