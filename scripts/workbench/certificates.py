"""Which extra certificates this machine trusts, so that image builds and instances trust them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
ADDED = Path("/usr/local/share/ca-certificates")
VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")


def extra(environ: Mapping[str, str], bundle: Path = BUNDLE, added: Path = ADDED) -> str:
    """The file that holds this machine's own authorities; empty when it has none.

    A set variable counts even where it names the distribution's bundle: whoever set it needs more
    than each image brings. So does a certificate that the administrator added to the bundle.
    """
    for variable in VARIABLES:
        path = Path(environ.get(variable, ""))
        if environ.get(variable) and path.is_file():
            return str(path.absolute())
    if bundle.is_file() and list(added.rglob("*.crt")):
        return str(bundle)
    return ""
