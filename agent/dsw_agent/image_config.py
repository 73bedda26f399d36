"""How the configuration of a snapshot's image is made from that of its base image.

It knows nothing of the container, so nothing of the container's environment can get into it.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from dsw.agent import AgentRequest
from dsw_agent.failures import FailureReason, SnapshotFailed

_LEGACY = ("id", "parent", "parent_id", "container", "container_config")


class BaseConfig:
    """The configuration of the base image; OCI and Docker write the parts used here alike."""

    def __init__(self, text: str) -> None:
        try:
            tree = json.loads(text)
            self.diff_ids = [str(layer) for layer in tree["rootfs"]["diff_ids"]]
        except (ValueError, KeyError, TypeError) as error:
            raise SnapshotFailed(
                FailureReason.INVALID_REQUEST,
                "The base image's configuration is not that of a Docker or OCI image.",
            ) from error
        self._tree: dict[str, Any] = tree

    @property
    def platform(self) -> tuple[str, str, str]:
        """Operating system, architecture and variant."""
        tree = self._tree
        return tree.get("os", "linux"), tree.get("architecture", ""), tree.get("variant", "")

    def with_layer(self, diff_id: str, request: AgentRequest) -> bytes:
        """The configuration with one more layer, the request's labels, author and comment."""
        created = rfc3339(request.created)
        tree = {key: value for key, value in self._tree.items() if key not in _LEGACY}
        config = dict(tree.get("config") or {})
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
            "rootfs": {"type": "layers", "diff_ids": [*self.diff_ids, diff_id]},
            "history": [*self._history(), entry],
        }
        return json.dumps(tree, sort_keys=True, separators=(",", ":")).encode()

    def _history(self) -> list[dict[str, Any]]:
        """The base's history; readers count on one line for each layer, so a wrong one goes."""
        history = list(self._tree.get("history") or [])
        if sum(not line.get("empty_layer") for line in history) == len(self.diff_ids):
            return history
        created = self._tree.get("created") or "1970-01-01T00:00:00Z"
        return [{"created": created, "created_by": "base image"} for _ in self.diff_ids]


def rfc3339(moment: datetime) -> str:
    """A time in UTC; one without a zone is taken for UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat().replace("+00:00", "Z")
