"""What is in an image that a registry stores, layer upon layer, without an engine."""

from __future__ import annotations

import io
import tarfile

from tests.registries import RegistryServer


def saved_files(registry: RegistryServer, image: str, below: int = 1) -> dict[str, bytes]:
    """Contents of the regular files by path that the layers above the `below` lowest ones make."""
    repository, _, digest = image.partition("/")[2].partition("@")
    files: dict[str, bytes] = {}
    for layer in registry.manifest(repository, digest)["layers"][below:]:
        blob = io.BytesIO(registry.blob(repository, layer["digest"]))
        _apply(files, blob)
    return files


def _apply(files: dict[str, bytes], blob: io.BytesIO) -> None:
    """Deletions first: they are of what the layers below brought."""
    with tarfile.open(fileobj=blob) as archive:
        members = list(archive)
        for member in members:
            folder, _, name = member.name.rpartition("/")
            if name == ".wh..wh..opq":
                _drop(files, folder, itself=False)
            elif name.startswith(".wh."):
                _drop(files, f"{folder}/{name[4:]}".lstrip("/"))
            elif not member.isdir():
                _drop(files, member.name)
        for member in members:
            if file := archive.extractfile(member) if member.isreg() or member.islnk() else None:
                files[member.name] = file.read()


def _drop(files: dict[str, bytes], path: str, itself: bool = True) -> None:
    for each in [name for name in files if name.startswith(f"{path}/")]:
        del files[each]
    if itself:
        files.pop(path, None)
