"""The OpenAPI document as a file, from which the console's types are generated."""

from __future__ import annotations

import json
import sys
import tempfile
from typing import Any

from dsw.settings import Settings
from dsw_control.app import create_app
from dsw_control.main import build


def document() -> dict[str, Any]:
    """The OpenAPI 3.1 document, with paths relative to the API's root."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.model_validate({"data_dir": folder, "engine": {"kind": "process"}})
        schema = create_app(build(settings), loops=False).openapi()
    prefix = "/services/dsw/api"
    schema["paths"] = {path.removeprefix(prefix): item for path, item in schema["paths"].items()}
    schema["servers"] = [{"url": prefix}]
    return schema


if __name__ == "__main__":
    json.dump(document(), sys.stdout, indent=2, sort_keys=True)
    print()
