"""What an image's manifest is in a registry, in Docker's words and in OCI's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dsw.agent import AgentLayer
from dsw_agent.failures import FailureReason, SnapshotFailed

DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
OCI = "application/vnd.oci.image.manifest.v1+json"
INDEXES = (
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.index.v1+json",
)
ACCEPT = ", ".join((DOCKER, OCI, *INDEXES))

_DOCKER_LAYER = "application/vnd.docker.image.rootfs"
_OCI_LAYER = "application/vnd.oci.image.layer"
_CONFIG = {
    DOCKER: "application/vnd.docker.container.image.v1+json",
    OCI: "application/vnd.oci.image.config.v1+json",
}
_AS_OCI = {
    f"{_DOCKER_LAYER}.diff.tar.gzip": f"{_OCI_LAYER}.v1.tar+gzip",
    f"{_DOCKER_LAYER}.diff.tar": f"{_OCI_LAYER}.v1.tar",
    f"{_DOCKER_LAYER}.foreign.diff.tar.gzip": f"{_OCI_LAYER}.nondistributable.v1.tar+gzip",
    f"{_DOCKER_LAYER}.foreign.diff.tar": f"{_OCI_LAYER}.nondistributable.v1.tar",
}
_AS_DOCKER = {oci: docker for docker, oci in _AS_OCI.items()}

Descriptor = dict[str, Any]


def layer_type(compression: str) -> str:
    """OCI's word for a layer."""
    return f"{_OCI_LAYER}.v1.tar+{compression}"


def descriptor(layer: AgentLayer) -> Descriptor:
    """How a manifest names a layer."""
    return {"mediaType": layer.media_type, "size": layer.size, "digest": layer.digest}


def manifest(media_type: str, config: Descriptor, layers: Sequence[Descriptor]) -> dict[str, Any]:
    """The manifest of an image; OCI's also when a layer has a form that Docker has no word for."""
    if not all(_named(layer, _AS_DOCKER)["mediaType"] in _AS_OCI for layer in layers):
        media_type = OCI
    names = _AS_OCI if media_type == OCI else _AS_DOCKER
    return {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": config | {"mediaType": _CONFIG[media_type]},
        "layers": [_named(layer, names) for layer in layers],
    }


def of_platform(index: dict[str, Any], platform: tuple[str, str, str]) -> str:
    """The digest of the manifest for a platform: system, architecture and variant."""
    system, architecture, variant = platform
    for one in index.get("manifests", []):
        offered = one.get("platform", {})
        if (offered.get("os"), offered.get("architecture")) == (system, architecture) and (
            not variant or offered.get("variant", variant) == variant
        ):
            return str(one["digest"])
    raise SnapshotFailed(
        FailureReason.BASE_LAYERS_MISSING,
        f"The base image in the registry has no variant for {system}/{architecture}.",
    )


def _named(layer: Descriptor, names: dict[str, str]) -> Descriptor:
    return layer | {"mediaType": names.get(layer["mediaType"], layer["mediaType"])}
