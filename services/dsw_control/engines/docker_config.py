"""The raw configuration of an image in Docker's store, which its API does not hand out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import docker


def raw_config(client: docker.DockerClient, image_id: str) -> str:
    """The JSON text whose digest is the image id; rebuilt from the API where it is out of reach.

    Reading Docker's own file needs root on the engine's host. The rebuilt text has the same
    meaning (architecture, configuration, layers, history), but another digest.
    """
    root = client.info()["DockerRootDir"]
    algorithm, _, digest = image_id.partition(":")
    path = Path(root) / "image" / "overlay2" / "imagedb" / "content" / algorithm / digest
    try:
        return path.read_text("utf-8")
    except OSError:
        image = client.images.get(image_id)
        return json.dumps(rebuilt_config(image.attrs, image.history()))


def rebuilt_config(inspected: dict[str, Any], history: list[dict[str, Any]]) -> dict[str, Any]:
    """A configuration from what `inspect` and `history` say; `history` is newest first."""
    layers = inspected["RootFS"].get("Layers") or []
    config: dict[str, Any] = {
        "architecture": inspected["Architecture"],
        "os": inspected["Os"],
        "created": inspected["Created"],
        "config": inspected["Config"],
        "rootfs": {"type": "layers", "diff_ids": layers},
    }
    lines = [
        {"created_by": line.get("CreatedBy") or "", "comment": line.get("Comment") or ""}
        for line in reversed(history)
    ]
    # Which lines made a layer is not told when a layer is empty: keep history only if it is sure.
    filled = [line.get("Size", 0) > 0 for line in reversed(history)]
    if sum(filled) == len(layers):
        config["history"] = [
            line if has_layer else {**line, "empty_layer": True}
            for line, has_layer in zip(lines, filled, strict=True)
        ]
    return config
