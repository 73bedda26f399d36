"""What is in the layers of an image: files that a later layer deleted are still in its archive."""

from __future__ import annotations

import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path


def layers_with(image: str, needle: bytes, folder: Path) -> list[str]:
    """The files of any layer, kept or deleted later, that hold the bytes."""
    found = []
    for layer in _layers(image, folder):
        for file in layer:
            content = layer.extractfile(file) if file.isfile() else None
            if content and needle in content.read():
                found.append(file.name)
    return found


def names_in_layers(image: str, folder: Path) -> list[str]:
    """The paths of all files of all layers."""
    return [name for layer in _layers(image, folder) for name in layer.getnames()]


def _layers(image: str, folder: Path) -> Iterator[tarfile.TarFile]:
    archive = folder / "image.tar"
    subprocess.run(["docker", "save", "--output", archive, image], check=True)
    with tarfile.open(archive) as saved:
        for blob in saved:
            content = saved.extractfile(blob) if blob.isfile() else None
            if content and tarfile.is_tarfile(content):
                content.seek(0)
                with tarfile.open(fileobj=content) as layer:
                    yield layer
    archive.unlink()
