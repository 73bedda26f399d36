"""What a place for images (an engine, a registry) is to the agent.

`dsw_agent.engine.EngineTarget(tag, cancellation)` and
`dsw_agent.registry.RegistryTarget(target, cancellation)` are such places.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from dsw.agent import AgentLayer
from dsw_agent.image_config import BaseConfig


@dataclass(frozen=True, slots=True)
class Delivered:
    """Where the image is: its id in an engine or `repository@sha256:...`, and its size in bytes."""

    image: str
    size: int | None


class LayerStream(Protocol):
    """The bytes of one layer's tar, in chunks of about a MiB. `announced` is their exact count;
    None where that is known only at the end, which is enough for a registry and not for an
    engine. Each `iter` begins anew, for a registry that lost an upload half-way; files may have
    changed since."""

    announced: int | None

    def __iter__(self) -> Iterator[bytes]: ...


class Target(Protocol):
    """Takes layers while they are streamed and makes an image of them; used once.

    The order is `open`, any number of `add`, `finish`. Whatever fails, and when `close` comes
    before `finish` has returned, nothing is left tagged and no upload is left open. Each call may
    raise `SnapshotFailed` or `Cancelled`, the latter also while it waits for the other side.
    """

    exact: bool
    """Whether `add` needs `LayerStream.announced`."""

    def open(self, base: BaseConfig, reused: Sequence[AgentLayer]) -> bool:
        """Make sure of the base's layers (those that `base` still names, from below) and of the
        reused ones above them; False when a reused one is no longer there, and then `open` may be
        called once more without them."""
        ...

    def add(self, layer: LayerStream) -> AgentLayer:
        """Hash, compress and send a layer while it is read."""
        ...

    def finish(self, config: bytes) -> Delivered:
        """Make the image of all layers and tag it."""
        ...

    def close(self) -> None:
        """Let go of connections, and undo what was not finished."""
        ...
