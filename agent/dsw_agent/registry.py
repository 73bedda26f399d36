"""How an image is put together in a registry: the base's layers mounted, the new one streamed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

from isal import isal_zlib

from dsw.agent import AgentTarget
from dsw_agent.delivery import Delivered
from dsw_agent.failures import Cancellation, FailureReason, SnapshotFailed
from dsw_agent.image_config import BaseConfig
from dsw_agent.layer import Layer
from dsw_agent.registry_client import DOCKER_MANIFEST, INDEXES, OCI_MANIFEST, Registry

CHUNK = 16 * 1024**2

_TYPES = {
    DOCKER_MANIFEST: (
        "application/vnd.docker.container.image.v1+json",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
    ),
    OCI_MANIFEST: (
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.oci.image.layer.v1.tar+gzip",
    ),
}
_GZIP_WINDOW = 31


class RegistryTarget:
    """A repository of a registry, with the base image in the same registry."""

    def __init__(self, target: AgentTarget) -> None:
        self._target = target
        host, _, self._repository = target.repository.partition("/")
        base_host, _, rest = target.base.partition("/")
        self._base_repository, _, self._base_digest = rest.partition("@")
        if base_host != host or not self._base_digest:
            raise SnapshotFailed(
                FailureReason.BASE_LAYERS_MISSING,
                f"The base image {target.base or '(none)'} is not in the registry {host}.",
                "Push it there and start the instance from that copy.",
            )
        self._registry = Registry(host, target)

    def deliver(
        self,
        layer: Layer,
        base: BaseConfig,
        configure: Callable[[str], bytes],
        cancellation: Cancellation,
    ) -> Delivered:
        """Base layers first, so that a missing one is known before anything is copied."""
        try:
            media_type, layers = self._base_layers(base)
            for descriptor in layers:
                self._mount(descriptor)
            digest, size = self._push_layer(layer, cancellation)
            config_type, layer_type = _TYPES[media_type]
            layers.append({"mediaType": layer_type, "size": size, "digest": digest})
            config = configure(layer.diff_id)
            manifest = {
                "schemaVersion": 2,
                "mediaType": media_type,
                "config": self._push_config(config_type, config),
                "layers": layers,
            }
            cancellation.check()
            named = self._push_manifest(media_type, json.dumps(manifest).encode(), cancellation)
            return Delivered(
                image=f"{self._target.repository}@{named}",
                size=sum(int(descriptor["size"]) for descriptor in layers),
            )
        finally:
            self._registry.close()

    def _base_layers(self, base: BaseConfig) -> tuple[str, list[dict[str, Any]]]:
        manifest, media_type = self._registry.manifest(self._base_repository, self._base_digest)
        if media_type in INDEXES:
            digest = _of_platform(manifest, base.platform)
            manifest, media_type = self._registry.manifest(self._base_repository, digest)
        layers = manifest.get("layers")
        if media_type not in _TYPES or not isinstance(layers, list):
            raise SnapshotFailed(
                FailureReason.BASE_LAYERS_MISSING,
                f"{self._target.base} is a manifest of type {media_type or 'unknown'}.",
                "Push the base image with a current tool (Docker 1.10 or newer).",
            )
        if len(layers) != len(base.diff_ids):
            raise SnapshotFailed(
                FailureReason.BASE_LAYERS_MISSING,
                f"{self._target.base} has {len(layers)} layers, and the image that the instance "
                f"runs has {len(base.diff_ids)}.",
            )
        return media_type, layers

    def _mount(self, descriptor: dict[str, Any]) -> None:
        if descriptor.get("urls"):
            return  # Such layers stay where their owner keeps them.
        digest = str(descriptor["digest"])
        if self._registry.has_blob(self._repository, digest):
            return
        if not self._registry.mount_blob(self._repository, digest, self._base_repository):
            raise SnapshotFailed(
                FailureReason.BASE_LAYERS_MISSING,
                f"The registry {self._registry.host} cannot take the layer {digest} over from "
                f"{self._base_repository}.",
                "Push the base image again.",
            )

    def _push_layer(self, layer: Layer, cancellation: Cancellation) -> tuple[str, int]:
        upload = self._registry.upload(self._repository)
        try:
            for chunk in _chunks(_compressed(layer)):
                upload.send(chunk)
                cancellation.check()
            return upload.finish(), upload.size
        except BaseException:
            upload.abort()
            raise

    def _push_config(self, media_type: str, config: bytes) -> dict[str, Any]:
        upload = self._registry.upload(self._repository)
        upload.send([config])
        return {"mediaType": media_type, "size": len(config), "digest": upload.finish()}

    def _push_manifest(self, media_type: str, body: bytes, cancellation: Cancellation) -> str:
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        self._registry.put_manifest(self._repository, digest, media_type, body)
        try:
            cancellation.check()
            self._registry.put_manifest(self._repository, self._target.tag, media_type, body)
        except BaseException:
            self._registry.delete_manifest(self._repository, digest)
            raise
        return digest


def _of_platform(index: dict[str, Any], platform: tuple[str, str, str]) -> str:
    system, architecture, variant = platform
    for descriptor in index.get("manifests", []):
        offered = descriptor.get("platform", {})
        if (offered.get("os"), offered.get("architecture")) == (system, architecture) and (
            not variant or offered.get("variant", variant) == variant
        ):
            return str(descriptor["digest"])
    raise SnapshotFailed(
        FailureReason.BASE_LAYERS_MISSING,
        f"The base image in the registry has no variant for {system}/{architecture}.",
    )


def _compressed(layer: Layer) -> Iterator[bytes]:
    packer = isal_zlib.compressobj(1, isal_zlib.DEFLATED, _GZIP_WINDOW)
    for chunk in layer:
        yield packer.compress(chunk)
    yield packer.flush()


def _chunks(parts: Iterator[bytes]) -> Iterator[list[bytes]]:
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
