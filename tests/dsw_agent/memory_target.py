"""A place for images in memory, and what their layers look like once they are unpacked."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import stat
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

from dsw.agent import AgentLayer
from dsw_agent.delivery import Delivered, LayerStream
from dsw_agent.image_config import BaseConfig

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"


class MemoryTarget:
    """Keeps layers by their diff ids. `meanwhile` is called while a layer is read, `afterwards`
    then, with the number of the layer: whatever they do happens to a container that runs."""

    def __init__(
        self,
        exact: bool = False,
        stored: dict[str, bytes] | None = None,
        meanwhile: Callable[[int], object] = lambda _: None,
        afterwards: Callable[[int], object] = lambda _: None,
    ) -> None:
        self.exact = exact
        self.stored = {} if stored is None else stored
        self.order: list[str] = []
        self.base: BaseConfig | None = None
        self.config = b""
        self.closed = False
        self._meanwhile = meanwhile
        self._afterwards = afterwards
        self._number = 0

    def open(self, base: BaseConfig, reused: Sequence[AgentLayer]) -> bool:
        """Whether the reused layers are among those that are stored."""
        self.base = base
        self.order = [layer.diff_id for layer in reused]
        return all(diff_id in self.stored for diff_id in self.order)

    def add(self, layer: LayerStream) -> AgentLayer:
        """Store a layer."""
        chunks = iter(layer)
        content = next(chunks)
        self._meanwhile(self._number)
        content += b"".join(chunks)
        self._afterwards(self._number)
        self._number += 1
        assert layer.announced in (len(content), None if not self.exact else -1)
        diff_id = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.stored[diff_id] = content
        self.order.append(diff_id)
        return AgentLayer(diff_id=diff_id, digest=diff_id, size=len(content))

    def finish(self, config: bytes) -> Delivered:
        """The image is its configuration."""
        self.config = config
        return Delivered(f"sha256:{hashlib.sha256(config).hexdigest()}", len(config))

    def close(self) -> None:
        """Nothing to let go of."""
        self.closed = True

    def unpack(self, folder: Path) -> None:
        """All layers in their order, upon what is in the folder."""
        for diff_id in self.order:
            unpack(self.stored[diff_id], folder)


def unpack(layer: bytes, folder: Path) -> None:
    """Put one layer upon a tree, by the rules of OCI."""
    times: dict[Path, int] = {}
    mine: set[Path] = set()
    with tarfile.open(fileobj=io.BytesIO(layer), errors="surrogateescape") as archive:
        members = archive.getmembers()
        names = [os.path.basename(member.name) for member in members]
        for member, name in zip(members, names, strict=True):
            if name.startswith(WHITEOUT):
                assert os.path.dirname(member.name) in {"", *(each.name for each in members)}
                _remove(folder / member.name, name)
        for member, name in zip(members, names, strict=True):
            path = folder / member.name
            if not name.startswith(WHITEOUT):
                assert path not in mine, f"{path} comes twice"
                mine.add(path)
                times[path] = _put(archive, member, path, folder)
    for path, moment in times.items():
        os.utime(path, ns=(moment, moment), follow_symlinks=False)


def _remove(path: Path, name: str) -> None:
    if name == OPAQUE:
        for inside in path.parent.iterdir() if path.parent.is_dir() else ():
            _clear(inside)
    else:
        _clear(path.with_name(name.removeprefix(WHITEOUT)))


def _clear(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _put(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path, folder: Path) -> int:
    """Make one entry; its time in nanoseconds."""
    if member.isdir():
        if path.is_symlink() or not path.is_dir():
            _clear(path)
            path.mkdir()
        for name in os.listxattr(path):
            os.removexattr(path, name)
    else:
        _clear(path)
        if member.isfile():
            file = archive.extractfile(member)
            assert file is not None
            path.write_bytes(file.read())
        elif member.issym():
            path.symlink_to(member.linkname)
        elif member.islnk():
            os.link(folder / member.linkname, path, follow_symlinks=False)
        elif member.isfifo():
            os.mkfifo(path)
        else:
            kind = stat.S_IFCHR if member.ischr() else stat.S_IFBLK
            os.mknod(path, kind, os.makedev(member.devmajor, member.devminor))
    os.chown(path, member.uid, member.gid, follow_symlinks=False)
    if not path.is_symlink():
        path.chmod(member.mode)
    for key, value in member.pax_headers.items():
        if key.startswith("SCHILY.xattr."):
            os.setxattr(path, key[13:], value.encode("utf-8", "surrogateescape"))
    seconds, _, fraction = member.pax_headers.get("mtime", str(int(member.mtime))).partition(".")
    return int(seconds) * 10**9 + int((fraction + "0" * 9)[:9])
