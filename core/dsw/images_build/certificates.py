"""Extra CA certificates: PEM files taken apart, one certificate a file, as Debian's tool wants."""

from __future__ import annotations

import hashlib
import re
import ssl
from collections.abc import Iterable
from pathlib import Path

from dsw.errors import Invalid

_CERTIFICATE = re.compile(
    r"-----BEGIN CERTIFICATE-----\s[A-Za-z0-9+/=\s]+?-----END CERTIFICATE-----"
)


def read_certificates(files: Iterable[Path]) -> list[str]:
    """Every certificate in the PEM files, each once; `Invalid` where a file has none."""
    found: dict[str, None] = {}
    for file in files:
        try:
            text = file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Invalid(f"The CA file {file} cannot be read: {error}.") from error
        certificates = _CERTIFICATE.findall(text)
        if not certificates:
            raise Invalid(
                f"The CA file {file} holds no certificate.",
                "It must be text in PEM form, with BEGIN CERTIFICATE and END CERTIFICATE lines.",
            )
        for certificate in certificates:
            _check(certificate, file)
            found[certificate] = None
    return list(found)


def write_certificates(certificates: Iterable[str], folder: Path) -> None:
    """One `.crt` file a certificate, named by its content."""
    for certificate in certificates:
        name = hashlib.sha256(certificate.encode()).hexdigest()[:16]
        (folder / f"dsw-{name}.crt").write_text(f"{certificate}\n", "utf-8")


def _check(certificate: str, file: Path) -> None:
    try:
        ssl.PEM_cert_to_DER_cert(certificate)
    except ValueError as error:
        raise Invalid(f"A certificate in the CA file {file} is damaged: {error}.") from error
