"""Manifests of registries, Docker's and OCI's, as far as the catalog reads them."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import Field

from dsw.base import View
from dsw.errors import Invalid
from dsw.references import DIGEST

IMAGES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
ACCEPT = ", ".join((*IMAGES, *INDEXES))

Size = Annotated[int, Field(ge=0, lt=1 << 50)]


class Platform(View):
    """What an entry of an index is for."""

    os: str = Field(default="", max_length=30)
    architecture: str = Field(default="", max_length=30)


class Descriptor(View):
    """Something that a manifest points to; `size` in bytes."""

    digest: str = Field(pattern=rf"^{DIGEST}$")
    size: Size
    platform: Platform | None = None


class Manifest(View):
    """An image of one platform: its configuration and its compressed layers."""

    config: Descriptor
    layers: list[Descriptor] = Field(max_length=1000)

    @property
    def size(self) -> int:
        """Bytes of all layers, as they are downloaded."""
        return sum(layer.size for layer in self.layers)


class Index(View):
    """Images of several platforms under one name."""

    manifests: list[Descriptor] = Field(max_length=1000)

    def choose(self, platform: str) -> Descriptor:
        """The image for `os/architecture`, the first of its variants; `Invalid` for none."""
        found: dict[str, Descriptor] = {}
        for one in self.manifests:
            # Signatures and the like stand there, too, for a platform that is called unknown.
            if one.platform and one.platform.os != "unknown":
                found.setdefault(f"{one.platform.os}/{one.platform.architecture}", one)
        if platform not in found:
            raise not_for(", ".join(sorted(found)[:10]) or "no platform", platform)
        return found[platform]


def read_manifest(body: bytes) -> Manifest | Index:
    """What a registry answered; `ValueError` when it is no manifest of an image."""
    tree = read_json(body)
    if isinstance(tree, dict) and "manifests" in tree:
        return Index.model_validate(tree)
    return Manifest.model_validate(tree)


def read_json(body: bytes) -> Any:
    """JSON of somebody whom one need not trust; `ValueError` when it is none."""
    try:
        return json.loads(body)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def not_for(has: str, platform: str) -> Invalid:
    """The refusal of an image for other platforms than the engine's."""
    return Invalid(
        f"The image is for {has}, and this workbench runs {platform}.",
        "Name one that was built for it.",
    )
