"""A build context: which files an image is made of, and the digest that tells when to rebuild."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

from dsw.images_build.catalog import CERTIFICATES, COMMON, Catalog
from dsw.images_build.certificates import write_certificates

KEPT_CERTIFICATES = "certs-keep"
WHEELS = "wheels"


def assemble(
    catalog: Catalog,
    name: str,
    target: Path,
    *,
    wheel: Path,
    certificates: Sequence[str],
    keep_certificates: bool,
) -> None:
    """Fill the empty folder `target` with the context of one image."""
    shutil.copytree(catalog.folder / name, target, dirs_exist_ok=True)
    shutil.copytree(catalog.folder / COMMON, target / COMMON)
    for folder in (CERTIFICATES, KEPT_CERTIFICATES, WHEELS):
        (target / folder).mkdir()
    shutil.copy(wheel, target / WHEELS)
    write_certificates(certificates, target / CERTIFICATES)
    if keep_certificates:
        write_certificates(certificates, target / KEPT_CERTIFICATES)
    for path in target.rglob("*"):
        # What the checkout's umask was must not decide who may write in the image.
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def digest(context: Path, base_id: str) -> str:
    """What the image depends on, as one hash: the base image and the context's files.

    The certificates for the build alone are left out: nothing of them is in the image.
    """
    total = hashlib.sha256(base_id.encode())
    for path in sorted(context.rglob("*")):
        relative = path.relative_to(context)
        if path.is_file() and relative.parts[0] != CERTIFICATES:
            executable = bool(path.stat().st_mode & 0o100)
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            total.update(f"{relative}\0{executable}\0{content}\n".encode())
    return total.hexdigest()
