"""How the tests build images, with an extra CA that only they know, and run commands in them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from dsw.images_build import Builder, BuildOptions, find_catalog

EXTRA_CA = Path(__file__).with_name("extra-ca.pem")
PREFIX = "dsw-test"


def builder(
    wheel: Path,
    prefix: str = PREFIX,
    keep_ca: bool = False,
    extra: tuple[Path, ...] = (EXTRA_CA,),
) -> Builder:
    """A builder that trusts what this machine trusts, and an extra CA."""
    system = os.environ.get("SSL_CERT_FILE")
    ca_files = (*([Path(system)] if system else []), *extra)
    options = BuildOptions(tag_prefix=prefix, ca_files=ca_files, keep_ca=keep_ca, wheel=wheel)
    return Builder(find_catalog(), options)


def run(image: str, *command: str, options: tuple[str, ...] = ()) -> str:
    """What a command prints in a new container, started as an instance's would be."""
    done = attempt(image, *command, options=options)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def attempt(
    image: str, *command: str, options: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docker", "run", "--rm", "--network=none", *options, image, *command],
        capture_output=True,
        text=True,
        check=False,
    )
