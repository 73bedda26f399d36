"""How an image is put together in a registry: the base's layers mounted, new ones streamed, and
a tag on it only when all of it was seen there."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from dsw.agent import AgentLayer, AgentTarget
from dsw_agent import compression, manifests
from dsw_agent.delivery import Delivered, LayerStream
from dsw_agent.failures import Cancellation, FailureReason, SnapshotFailed
from dsw_agent.image_config import BaseConfig
from dsw_agent.manifests import Descriptor
from dsw_agent.patience import Patience
from dsw_agent.pipeline import Pipeline
from dsw_agent.registry_client import Registry
from dsw_agent.registry_upload import CHUNK, Upload, UploadLost

FIRST, LATER, LAST = 15.0, 60.0, 5.0
"""Seconds to bear with a registry that is away: at first, later, and while tidying up."""
_ATTEMPTS = 4
T = TypeVar("T")
_PACK: dict[str, compression.Pack] = {"gzip": compression.gzip, "zstd": compression.zstd}


class RegistryTarget:
    """A repository of a registry, with the base image in the same registry."""

    exact = False

    def __init__(self, target: AgentTarget, cancellation: Cancellation) -> None:
        self._target = target
        self._cancellation = cancellation
        host, _, self._repository = target.repository.partition("/")
        base_host, _, rest = target.base.partition("/")
        self._base_repository, _, self._base_digest = rest.partition("@")
        if base_host != host or not self._base_digest:
            raise _missing(
                f"The base image {target.base or '(none)'} is not in the registry {host}.",
                "Push it there and start the instance from that copy.",
            )
        self._registry = Registry(host, target, Patience(FIRST, cancellation.check))
        # So a blob that is deleted after a failure is never part of another image.
        self._mark = secrets.token_hex(8).encode()
        self._media_type = ""
        self._base: list[Descriptor] = []
        self._diff_ids: list[str] = []
        self._layers: list[AgentLayer] = []
        self._made: list[str] = []
        self._manifest = ""

    def open(self, base: BaseConfig, reused: Sequence[AgentLayer]) -> bool:
        """Base layers first, so that a missing one is known before anything is copied."""
        self._media_type, self._base = self._base_layers(base)
        self._diff_ids = base.diff_ids
        for layer in self._base:
            self._mount(layer)
        there = all(self._has(manifests.descriptor(layer)) for layer in reused)
        self._layers = [*reused] if there else []
        self._registry.patience = Patience(LATER, self._cancellation.check)
        return there

    def add(self, layer: LayerStream) -> AgentLayer:
        """Once more from the beginning when the registry lost what it had."""
        return self._persist(lambda: self._push(layer))

    def finish(self, config: bytes) -> Delivered:
        """Config and manifest, verified, and then the tag."""
        self._compare(config)
        descriptor = self._push_config(config)
        layers = [*self._base, *map(manifests.descriptor, self._layers)]
        tree = manifests.manifest(self._media_type, descriptor, layers)
        for blob in (*layers, descriptor):
            self._verify(blob)
        self._cancellation.check()
        named = self._push_manifest(tree)
        self._made, self._manifest = [], ""
        size = sum(int(layer["size"]) for layer in layers)
        return Delivered(image=f"{self._target.repository}@{named}", size=size)

    def close(self) -> None:
        """Also deletes what was made, where the registry lets it."""
        patience = Patience(LAST)
        path = f"/v2/{self._repository}"
        unwanted = [f"{path}/manifests/{self._manifest}"] if self._manifest else []
        unwanted += [f"{path}/blobs/{digest}" for digest in self._made]
        # Blobs stay when the manifest that names them does.
        all(self._registry.delete(url, patience) for url in unwanted)
        self._registry.close()

    def _base_layers(self, base: BaseConfig) -> tuple[str, list[Descriptor]]:
        media_type, tree = self._base_manifest(self._base_digest)
        if media_type in manifests.INDEXES:
            media_type, tree = self._base_manifest(manifests.of_platform(tree, base.platform))
        if media_type not in (manifests.DOCKER, manifests.OCI):
            raise _missing(
                f"{self._target.base} is a manifest of type {media_type or 'unknown'}.",
                "Push the base image with a current tool (Docker 1.10 or newer).",
            )
        config = self._registry.blob(self._base_repository, tree["config"]["digest"])
        layers = tree["layers"]
        there = BaseConfig(config.decode()).diff_ids
        if len(layers) != len(there) or there[: len(base.diff_ids)] != base.diff_ids:
            raise _missing(
                f"{self._target.base} has other layers than the image that the instance runs.",
                "Start the instance anew, then save again.",
            )
        return media_type, layers[: len(base.diff_ids)]

    def _base_manifest(self, digest: str) -> tuple[str, dict[str, Any]]:
        answer = self._registry.manifest(self._base_repository, digest, manifests.ACCEPT)
        if answer is None:
            raise _missing(
                f"The base image {self._target.base} is not in the registry.",
                "Push it there again, then save again.",
            )
        tree = answer.json()
        return tree.get("mediaType") or answer.headers.get("Content-Type", ""), tree

    def _mount(self, layer: Descriptor) -> None:
        if layer.get("urls") or self._has(layer):
            return  # Layers with an address stay where their owner keeps them.
        digest = str(layer["digest"])
        if not self._registry.mount_blob(self._repository, digest, self._base_repository):
            raise _missing(
                f"The registry {self._registry.host} cannot take the layer {digest} over from "
                f"{self._base_repository}.",
                "Push the base image again.",
            )

    def _has(self, blob: Descriptor) -> bool:
        size: int = blob["size"]
        return self._registry.blob_size(self._repository, blob["digest"]) == size

    def _persist(self, push: Callable[[], T]) -> T:
        for _ in range(_ATTEMPTS - 1):
            try:
                return push()
            except UploadLost:
                self._cancellation.check()
        return push()

    def _push(self, layer: LayerStream) -> AgentLayer:
        with Pipeline(self._cancellation.check, self._registry.interrupt) as pipeline:
            plain, to_hash, packed, packed_to_hash = (pipeline.pipe() for _ in range(4))
            diff_id = pipeline.digest(to_hash)
            pack = _PACK[self._target.compression](plain, self._mark)
            pipeline.start(lambda: pipeline.feed(pack, packed, packed_to_hash))
            digest = pipeline.digest(packed_to_hash)
            sent = pipeline.start(
                lambda: self._send(packed, lambda: pipeline.wait(digest), pipeline.check)
            )
            pipeline.feed(layer, plain, to_hash)
            pushed = AgentLayer(
                diff_id=pipeline.wait(diff_id),
                size=pipeline.wait(sent),
                digest=pipeline.wait(digest),
                media_type=manifests.layer_type(self._target.compression),
            )
        self._layers.append(pushed)
        return pushed

    def _send(
        self, chunks: Iterable[bytes], digest: Callable[[], str], check: Callable[[], None]
    ) -> int:
        """Push a blob, whose digest is known when all chunks are; its size."""
        upload = Upload(self._registry, self._repository, Patience(LATER, check))
        try:
            for chunk in _gathered(chunks):
                upload.send(chunk)
            self._made.append(digest())
            upload.finish(self._made[-1])
        except BaseException:
            upload.abort(Patience(LAST))
            raise
        return upload.size

    def _push_config(self, config: bytes) -> Descriptor:
        digest = _digest(config)
        check = self._cancellation.check
        size = self._persist(lambda: self._send([config], lambda: digest, check))
        return {"size": size, "digest": digest}

    def _verify(self, blob: Descriptor) -> None:
        if not blob.get("urls") and not self._has(blob):
            raise self._registry.failed(f"took the blob {blob['digest']} and does not have it")

    def _push_manifest(self, tree: dict[str, Any]) -> str:
        body, media_type = json.dumps(tree).encode(), tree["mediaType"]
        digest = self._manifest = _digest(body)
        self._registry.put_manifest(self._repository, digest, media_type, body)
        if self._registry.manifest(self._repository, digest, media_type) is None:
            raise self._registry.failed(f"took the manifest {digest} and does not have it")
        self._registry.put_manifest(self._repository, self._target.tag, media_type, body)
        return digest

    def _compare(self, config: bytes) -> None:
        named = json.loads(config)["rootfs"]["diff_ids"]
        if named != [*self._diff_ids, *(layer.diff_id for layer in self._layers)]:
            raise RuntimeError("the configuration names other layers than were delivered")


def _missing(message: str, hint: str) -> SnapshotFailed:
    return SnapshotFailed(FailureReason.BASE_LAYERS_MISSING, message, hint)


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _gathered(parts: Iterable[bytes]) -> Iterator[list[bytes]]:
    """The parts in groups of about a chunk's size."""
    chunk: list[bytes] = []
    size = 0
    for part in parts:
        chunk.append(part)
        size += len(part)
        if size >= CHUNK:
            yield chunk
            chunk, size = [], 0
    if size:
        yield chunk
