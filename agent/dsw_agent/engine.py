"""How layers get into the container engine without a registry: as an archive for its `load`.

The archive is made while it is sent and holds the new layers only. The engine has the others
already and takes them by their diff ids.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import httpx

from dsw.agent import AgentLayer
from dsw_agent import tar_format
from dsw_agent.delivery import Delivered, LayerStream
from dsw_agent.failures import Cancellation, Cancelled, FailureReason, SnapshotFailed
from dsw_agent.image_config import BaseConfig
from dsw_agent.interrupts import Interrupts
from dsw_agent.pipeline import Pipe, Pipeline, Stage
from dsw_agent.tar_format import Entry

SOCKET = "/var/run/docker.sock"
_PRESENT = "dsw-base-layer-"
_PROBE = "dsw-agent, to see whether layers are there"


class EngineTarget:
    """The engine behind a unix socket."""

    exact = True

    def __init__(self, tag: str, cancellation: Cancellation, socket: str = SOCKET) -> None:
        self._tag = tag
        self._cancellation = cancellation
        # No limit on reading: the engine answers a load only when it has unpacked the layers.
        timeout = httpx.Timeout(600, connect=10, read=None)
        transport = httpx.HTTPTransport(uds=socket)
        self._http = httpx.Client(base_url="http://engine", transport=transport, timeout=timeout)
        self._interrupts = Interrupts()
        self._pipeline = Pipeline(cancellation.check, self._interrupts.interrupt)
        self._archive: Pipe | None = None
        self._loading: Stage[None] | None = None
        self._diff_ids: list[str] = []
        self._names: list[str] = []
        self._image = ""

    def open(self, base: BaseConfig, reused: Sequence[AgentLayer]) -> bool:
        """The base's layers are there as long as the container is."""
        diff_ids = [*base.diff_ids, *(layer.diff_id for layer in reused)]
        names = [f"{_PRESENT}{number}" for number in range(len(diff_ids))]
        if reused and not self._has(base, names, diff_ids):
            return False
        self._diff_ids, self._names = diff_ids, names
        return True

    def add(self, layer: LayerStream) -> AgentLayer:
        """A member of the archive."""
        archive = self._begun()
        hashed = self._pipeline.pipe()
        digest = self._pipeline.digest(hashed)
        name, size = f"layer-{len(self._names)}.tar", layer.announced
        if size is None:
            raise RuntimeError("an engine has to be told the size of a layer beforehand")
        archive.put(tar_format.header(Entry(path=name, size=size)))
        streamed = 0
        for chunk in layer:
            streamed += len(chunk)
            archive.put(chunk)
            hashed.put(chunk)
        if streamed != size:
            raise RuntimeError(f"announced {size} bytes and streamed {streamed}")
        archive.put(tar_format.padding(size))
        hashed.end()
        self._names.append(name)
        self._diff_ids.append(self._pipeline.wait(digest))
        return AgentLayer(diff_id=self._diff_ids[-1])

    def finish(self, config: bytes) -> Delivered:
        """Load the image, then tag it."""
        if json.loads(config)["rootfs"]["diff_ids"] != self._diff_ids:
            raise RuntimeError("the configuration names other layers than were delivered")
        archive = self._begun()
        image, members = _described(config, self._names)
        archive.put(members)
        self._cancellation.check()
        self._image = image
        archive.end()
        self._loaded()
        self._cancellation.check()
        size = self._size(image)
        self._name(image)
        self._image = ""
        return Delivered(image=image, size=size)

    def close(self) -> None:
        """What the engine has in part it throws away itself, when the connection ends."""
        if self._loading:
            with suppress(Exception):
                self._pipeline.close(Cancelled())
        if self._image:
            self._delete(self._image)
        self._http.close()

    def _begun(self) -> Pipe:
        """The archive, which the engine reads from now on."""
        if self._archive is None:
            archive = self._archive = self._pipeline.pipe()
            self._loading = self._pipeline.start(lambda: self._load_all(archive))
        return self._archive

    def _load_all(self, archive: Pipe) -> None:
        read = False

        def content() -> Iterator[bytes]:
            nonlocal read
            yield from archive
            read = True
            yield tar_format.END

        self._load(content())
        if not read:
            raise _refusal("it did not read all of it")

    def _load(self, content: Iterable[bytes]) -> None:
        """An engine that fails while it loads still answers 200, with a line that has `error`."""
        answer = self._call(
            "POST",
            "/images/load",
            params={"quiet": "1"},
            content=content,
            headers={"Content-Type": "application/x-tar"},
        )
        for line in answer.text.splitlines():
            if line.startswith("{") and "error" in (told := json.loads(line)):
                raise _refusal(str(told["error"]))

    def _loaded(self) -> None:
        """Wait, also when cancelled: what it has all of the engine loads, whoever listens."""
        if self._loading:
            self._loading.join()
        self._pipeline.close()

    def _has(self, base: BaseConfig, names: list[str], diff_ids: list[str]) -> bool:
        """Whether these layers lie above each other there. No question answers that, and images
        may be many; an image of nothing else can be made or not."""
        system, architecture, _ = base.platform
        rootfs = {"type": "layers", "diff_ids": diff_ids}
        tree = {"os": system, "architecture": architecture, "rootfs": rootfs, "author": _PROBE}
        image, members = _described(json.dumps(tree).encode(), names)
        try:
            self._load([members, tar_format.END])
        except SnapshotFailed as error:
            if error.reason is FailureReason.BASE_LAYERS_MISSING:
                return False
            raise
        self._delete(image)
        return True

    def _delete(self, image: str) -> None:
        with suppress(SnapshotFailed):
            self._call("DELETE", f"/images/{image}", params={"noprune": "1"})

    def _size(self, image: str) -> int | None:
        size = self._call("GET", f"/images/{image}/json").json().get("Size")
        return size if isinstance(size, int) else None

    def _name(self, image: str) -> None:
        repository, _, tag = self._tag.rpartition(":")
        if not repository or "/" in tag:
            repository, tag = self._tag, "latest"
        self._call("POST", f"/images/{image}/tag", params={"repo": repository, "tag": tag})

    def _call(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            trace = {"trace": self._interrupts.trace}
            answer = self._http.request(method, path, extensions=trace, **options)
        except httpx.TransportError as error:
            raise SnapshotFailed(
                FailureReason.ENGINE_UNREACHABLE,
                f"The container engine did not answer: {error or type(error).__name__}.",
            ) from error
        if answer.status_code >= 400:
            raise _refusal(_message(answer))
        return answer


def _described(config: bytes, layers: list[str]) -> tuple[str, bytes]:
    """An image's id, and the members of an archive that make it of layers."""
    digest = hashlib.sha256(config).hexdigest()
    manifest = [{"Config": f"{digest}.json", "RepoTags": None, "Layers": layers}]
    members = _member(f"{digest}.json", config)
    return f"sha256:{digest}", members + _member("manifest.json", json.dumps(manifest).encode())


def _member(name: str, content: bytes) -> bytes:
    entry = Entry(path=name, size=len(content))
    return tar_format.header(entry) + content + tar_format.padding(len(content))


def _message(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return answer.text.strip()[:500] or f"status {answer.status_code}"


def _refusal(message: str) -> SnapshotFailed:
    if _PRESENT in message:
        return SnapshotFailed(
            FailureReason.BASE_LAYERS_MISSING,
            "The container engine no longer has all layers of the base image.",
            "Pull or build the base image again, then save again.",
        )
    if "no space left" in message:
        return SnapshotFailed(
            FailureReason.DISK_FULL,
            "The disk of the container engine is full.",
            "Remove images or containers that nobody needs, then save again.",
        )
    return SnapshotFailed(
        FailureReason.ENGINE_FAILED, f"The container engine refused the image: {message}."
    )
