"""How a layer gets into the container engine without a registry: as an archive for its `load`.

The archive holds the new layer only. The engine has the base's layers already and takes them by
their diff ids.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import httpx

from dsw_agent import tar_format
from dsw_agent.delivery import Delivered
from dsw_agent.failures import Cancellation, FailureReason, SnapshotFailed
from dsw_agent.image_config import BaseConfig
from dsw_agent.layer import Layer
from dsw_agent.tar_format import Entry

SOCKET = "/var/run/docker.sock"
_ABSENT = "dsw-base-layer-"
_LAYER = "layer.tar"


class EngineTarget:
    """The engine behind a unix socket."""

    def __init__(self, tag: str, socket: str = SOCKET) -> None:
        self._tag = tag
        # No limit on reading: the engine answers a load only when it has unpacked the layer.
        timeout = httpx.Timeout(600, connect=10, read=None)
        transport = httpx.HTTPTransport(uds=socket)
        self._http = httpx.Client(base_url="http://engine", transport=transport, timeout=timeout)

    def deliver(
        self,
        layer: Layer,
        base: BaseConfig,
        configure: Callable[[str], bytes],
        cancellation: Cancellation,
    ) -> Delivered:
        """Load the image, then tag it; nothing is left when either fails."""
        archive = _Archive(layer, base, configure)
        with self._http:
            self._load(archive)
            try:
                cancellation.check()
                size = self._size(archive.image)
                self._name(archive.image)
            except BaseException:
                with suppress(SnapshotFailed):
                    self._call("DELETE", f"/images/{archive.image}")
                raise
        return Delivered(image=archive.image, size=size)

    def _load(self, archive: _Archive) -> None:
        """An engine that fails while it loads still answers 200, with a line that has `error`."""
        headers = {"Content-Type": "application/x-tar"}
        answer = self._call(
            "POST", "/images/load", params={"quiet": "1"}, content=archive, headers=headers
        )
        for line in answer.text.splitlines():
            if line.startswith("{") and "error" in (told := json.loads(line)):
                raise _refusal(str(told["error"]))

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
            answer = self._http.request(method, path, **options)
        except httpx.TransportError as error:
            raise SnapshotFailed(
                FailureReason.ENGINE_UNREACHABLE,
                f"The container engine did not answer: {error or type(error).__name__}.",
            ) from error
        if answer.status_code >= 400:
            raise _refusal(_message(answer))
        return answer


class _Archive:
    """The bytes that the engine loads; `image` is the image's id once they were streamed."""

    def __init__(self, layer: Layer, base: BaseConfig, configure: Callable[[str], bytes]) -> None:
        self._layer = layer
        self._base = base
        self._configure = configure
        self.image = ""

    def __iter__(self) -> Iterator[bytes]:
        size = self._layer.announced
        yield tar_format.header(Entry(path=_LAYER, size=size))
        yield from self._layer
        if self._layer.size != size:
            raise RuntimeError(f"announced {size} bytes and streamed {self._layer.size}")
        yield tar_format.padding(size)
        config = self._configure(self._layer.diff_id)
        digest = hashlib.sha256(config).hexdigest()
        self.image = f"sha256:{digest}"
        yield _member(f"{digest}.json", config)
        layers = [f"{_ABSENT}{number}" for number in range(len(self._base.diff_ids))]
        manifest = [{"Config": f"{digest}.json", "RepoTags": None, "Layers": [*layers, _LAYER]}]
        yield _member("manifest.json", json.dumps(manifest).encode())
        yield tar_format.END


def _member(name: str, content: bytes) -> bytes:
    entry = Entry(path=name, size=len(content))
    return tar_format.header(entry) + content + tar_format.padding(len(content))


def _message(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return answer.text.strip()[:500] or f"status {answer.status_code}"


def _refusal(message: str) -> SnapshotFailed:
    if _ABSENT in message:
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
