"""How the configuration of a snapshot's image is made from that of its base image.

It knows nothing of the container, so nothing of the container's environment can get into it; and
what the base's own environment may not say is refused or taken out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from dsw import image_environment
from dsw.agent import AgentRequest
from dsw_agent.failures import FailureReason, SnapshotFailed

_LEGACY = ("id", "parent", "parent_id", "container", "container_config")


class BaseConfig:
    """The configuration of the base image; OCI and Docker write the parts used here alike.

    `diff_ids` are of its layers, from below; `env` are the lines of its environment.
    `SnapshotFailed` when it is none, or when its environment is one that no image may have.
    """

    def __init__(self, text: str) -> None:
        try:
            tree = json.loads(text)
            self.diff_ids = [str(layer) for layer in tree["rootfs"]["diff_ids"]]
            self.env = _lines((tree.get("config") or {}).get("Env"))
            self._history = _history(tree, len(self.diff_ids))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise SnapshotFailed(
                FailureReason.INVALID_REQUEST,
                "The base image's configuration is not that of a Docker or OCI image.",
            ) from error
        self._tree: dict[str, Any] = tree
        if names := image_environment.refused(self.env):
            raise SnapshotFailed(
                FailureReason.BASE_ENVIRONMENT,
                f"The image below sets {', '.join(names)[:300]}: programs of the host that start "
                "containers would load code by it, so no image with it is saved.",
                "Start from an image without it; a program can be started with it all the same.",
            )

    @property
    def platform(self) -> tuple[str, str, str]:
        """Operating system, architecture and variant."""
        tree = self._tree
        return tree.get("os", "linux"), tree.get("architecture", ""), tree.get("variant", "")

    def without_top(self, count: int) -> BaseConfig:
        """The same image without its topmost layers."""
        kept = len(self.diff_ids) - count
        if count < 0 or kept < 1:
            raise SnapshotFailed(
                FailureReason.INVALID_REQUEST,
                f"The image below has {len(self.diff_ids)} layers; {count} of them cannot be "
                "put together with new ones.",
            )
        history, layers = [], 0
        for line in self._history:
            layers += not line.get("empty_layer")
            if layers <= kept:
                history.append(line)
        rootfs = {"type": "layers", "diff_ids": self.diff_ids[:kept]}
        return BaseConfig(json.dumps(self._tree | {"rootfs": rootfs, "history": history}))

    def with_layers(self, diff_ids: Sequence[str], request: AgentRequest) -> bytes:
        """The configuration with more layers, the request's labels, author and comment."""
        created = rfc3339(request.created)
        tree = {key: value for key, value in self._tree.items() if key not in _LEGACY}
        config = dict(tree.get("config") or {})
        if "Env" in config:
            config["Env"] = image_environment.cleaned(self.env)
        if labels := {**(config.get("Labels") or {}), **request.labels}:
            config["Labels"] = labels
        entry = {
            "created": created,
            "created_by": f"dsw-agent snapshot {request.snapshot_id}",
            "author": request.author,
            "comment": request.comment,
        }
        tree |= {
            "created": created,
            "author": request.author,
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": [*self.diff_ids, *diff_ids]},
            "history": [*self._history, *(entry for _ in diff_ids)],
        }
        return json.dumps(tree, sort_keys=True, separators=(",", ":")).encode()


def _lines(env: object) -> list[str]:
    """The lines of an environment, `TypeError` when they are none."""
    if env is None:
        return []
    if not isinstance(env, list) or not all(isinstance(line, str) for line in env):
        raise TypeError("the environment is not a list of lines")
    return env


def _history(tree: dict[str, Any], layers: int) -> list[dict[str, Any]]:
    """The history; readers count on one line for each layer, so a wrong one is replaced."""
    history = list(tree.get("history") or [])
    if sum(not line.get("empty_layer") for line in history) == layers:
        return history
    created = tree.get("created") or "1970-01-01T00:00:00Z"
    return [{"created": created, "created_by": "base image"} for _ in range(layers)]


def rfc3339(moment: datetime) -> str:
    """A time in UTC; one without a zone is taken for UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat().replace("+00:00", "Z")
