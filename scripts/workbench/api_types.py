"""Whether the console's types are those of the API that control serves now."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from dsw_control.openapi import document
from workbench.arguments import ROOT

CONSOLE = ROOT / "services" / "console"
DOCUMENT = CONSOLE / "openapi.json"
TYPES = CONSOLE / "src" / "api" / "schema.d.ts"
REMEDY = (
    "Run: .venv/bin/python -m dsw_control.openapi > services/console/openapi.json "
    "&& npm --prefix services/console run types"
)


def stale(folder: Path) -> list[Path]:
    """The committed files that differ from what they are generated from."""
    found = [] if json.loads(DOCUMENT.read_text()) == document() else [DOCUMENT]
    fresh = folder / TYPES.name
    command = ["npx", "--no-install", "openapi-typescript", str(DOCUMENT), "--output", str(fresh)]
    subprocess.run(command, cwd=CONSOLE, check=True, capture_output=True, text=True)
    return found if fresh.read_text() == TYPES.read_text() else [*found, TYPES]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        if names := [str(path.relative_to(ROOT)) for path in stale(Path(scratch))]:
            sys.exit(f"{' and '.join(names)}: not as the API is now. {REMEDY}")
