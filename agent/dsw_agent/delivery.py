"""What a place for images (an engine, a registry) is to the agent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from dsw_agent.failures import Cancellation
from dsw_agent.image_config import BaseConfig
from dsw_agent.layer import Layer


@dataclass(frozen=True, slots=True)
class Delivered:
    """Where the image is: its id in an engine or `repository@sha256:...`, and its size in bytes."""

    image: str
    size: int | None


class Target(Protocol):
    """Takes a layer while it is streamed and makes an image of it.

    `configure` gives the image's configuration for the layer's diff id. Whatever fails, nothing is
    left tagged.
    """

    def deliver(
        self,
        layer: Layer,
        base: BaseConfig,
        configure: Callable[[str], bytes],
        cancellation: Cancellation,
    ) -> Delivered:
        """Deliver; `SnapshotFailed` or `Cancelled` when there is no image in the end."""
        ...
