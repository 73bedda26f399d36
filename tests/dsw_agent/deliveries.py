"""Layers, a base image and requests for tests of delivery, without a container."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import tarfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from tests.dsw_agent.boxes import LABEL
from tests.pushes import push

from dsw.agent import AgentLayer, AgentRequest, AgentTarget
from dsw_agent.image_config import BaseConfig

MIB = 1024**2


def random_bytes(seed: int, size: int) -> bytes:
    """Bytes that do not shrink, the same for the same seed."""
    return random.Random(seed).randbytes(size)


def a_tar(**files: bytes) -> bytes:
    """An archive with these files."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name, body in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
    return content.getvalue()


class Layer:
    """Content as a stream of a layer; `before` is called with the number of each chunk."""

    def __init__(self, content: bytes, before: Callable[[int], None] = lambda _: None) -> None:
        self.content = content
        self.announced: int | None = len(content)
        self.begun = 0
        self._before = before

    def __iter__(self) -> Iterator[bytes]:
        self.begun += 1
        for number, start in enumerate(range(0, len(self.content), MIB)):
            self._before(number)
            yield self.content[start : start + MIB]


class Base:
    """An image of two layers in a registry."""

    def __init__(self, address: str) -> None:
        self.address = address
        layers = [a_tar(below=b"below"), a_tar(above=b"above")]
        diff_ids = [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers]
        tree = {"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": diff_ids}}
        text = json.dumps(tree).encode()
        blobs = [gzip.compress(layer, mtime=0) for layer in layers]
        digest = push(address, "team/base:v1", text, *blobs)
        self.reference = f"{address}/team/base@{digest}"
        self.config = BaseConfig(text.decode())

    def target(self, **changes: Any) -> AgentTarget:
        """A repository beside it."""
        values = {
            "kind": "registry",
            "tag": "v2",
            "repository": f"{self.address}/dsw/img",
            "base": self.reference,
            "insecure": True,
        }
        return AgentTarget.model_validate(values | changes)


def configured(base: BaseConfig, layers: Sequence[AgentLayer], label: str = "") -> bytes:
    """The configuration of an image with these layers above the base."""
    request = AgentRequest(
        snapshot_id="snap-aaaaaaaaaaaa",
        upper="",
        base_image="",
        base_config="",
        mounts=[],
        labels={LABEL: label},
        author="alice",
        created=datetime(2026, 1, 2, tzinfo=UTC),
        comment="",
        target=AgentTarget(kind="engine", tag="x"),
    )
    return base.with_layers([layer.diff_id for layer in layers], request)
