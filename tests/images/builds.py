"""How the tests build images: with an extra CA that only these tests know."""

from __future__ import annotations

import os
from pathlib import Path

from dsw.images_build import Builder, BuildOptions, find_catalog

EXTRA_CA = Path(__file__).with_name("extra-ca.pem")
PREFIX = "dsw-test"


def builder(wheel: Path, prefix: str = PREFIX, keep_ca: bool = False) -> Builder:
    """A builder that trusts what this machine trusts, and the extra CA."""
    system = os.environ.get("SSL_CERT_FILE")
    ca_files = (*([Path(system)] if system else []), EXTRA_CA)
    options = BuildOptions(tag_prefix=prefix, ca_files=ca_files, keep_ca=keep_ca, wheel=wheel)
    return Builder(find_catalog(), options)
